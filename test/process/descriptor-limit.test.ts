/**
 * Pitfall 11: out of descriptors, accept(2) fails and the listener stays readable. The relay must neither spin nor harm the sessions
 * it has, and must serve again by itself.
 */
import assert from 'node:assert/strict'
import { slowness } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { tcpSocket } from '../support/kernel.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen, type Peer } from '../support/peers.ts'
import { cpuSeconds, descriptorsOf, eventually, observe } from '../support/proc.ts'
import { program } from '../support/programs.ts'

const arrivals = 500

describe('prlimit --nofile=64 with 500 arrivals', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  it('no spin, existing sessions unharmed, service back by itself', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.socket.pipe(peer.socket) })
    await using relay = await forwardProcess(upstream.port, { under: [program('prlimit', 'util-linux'), '--nofile=64:64'] })
    const address = `127.0.0.1:${relay.port}`
    const baseline = descriptorsOf(relay.pid).length
    const existing = await many(3, () => connect(address))
    for (const peer of existing) await echoes(peer, 'before')

    const cpuBefore = cpuSeconds(relay.pid)
    const crowd = await many(arrivals, () => connect(address))
    for (let round = 0; round < 50; round++) for (const peer of existing) await echoes(peer, `round ${round}`)
    const load = await observe(relay.pid, 2_000)
    const refused = crowd.filter((peer) => peer.socket.destroyed).length
    console.log(
      `      at start ${baseline} of 64 descriptors; with ${arrivals} arrivals ${descriptorsOf(relay.pid).length}; ${refused} refused so far; ` +
        `${(cpuSeconds(relay.pid) - cpuBefore).toFixed(2)} s of CPU in all, ${load.cpuSeconds.toFixed(2)} s in ${load.seconds.toFixed(1)} s of waiting`,
    )
    assert.ok(load.cpuSeconds < 0.1 * load.seconds * slowness, `${load.cpuSeconds} s of CPU in ${load.seconds} s`)
    for (const peer of existing) await echoes(peer, 'during')

    for (const peer of crowd) peer.destroy()
    await eventually('the crowd to be worked off', () => tcpSocket(relay.port, 0)?.receiveQueue === 0 && descriptorsOf(relay.pid).length === baseline + 2 * existing.length)
    for (const peer of await many(5, () => connect(address))) await echoes(peer, 'after')
    for (const peer of existing) await echoes(peer, 'after')
    await destroyPeers()
    await eventually(`${baseline} descriptors to be left`, () => descriptorsOf(relay.pid).length === baseline)
  })
})

async function echoes(peer: Peer, text: string): Promise<void> {
  await peer.send(text)
  assert.equal((await peer.read(text.length)).toString(), text)
}
