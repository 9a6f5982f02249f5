/** Pitfalls 21 and 29: a system call that a signal has interrupted is not an error, and stopping a relay for a while loses nothing. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { forwardProcess } from '../support/forward-process.ts'
import { connect, destroyPeers, listen, sha256 } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'

describe('signals to millrace forward', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  it('stopped and continued 50 times in the middle of a transfer, every byte arrives', async () => {
    const upstream = await listen()
    await using relay = await forwardProcess(upstream.port)
    const [client, server] = await Promise.all([connect(`127.0.0.1:${relay.port}`), upstream.accept()])
    const bytes = randomBytes(64 << 20)
    const sent = client.end(bytes)
    for (let round = 1; round <= 50; round++) {
      const goal = Math.floor((bytes.length * round) / 60)
      await eventually(`${goal} bytes`, () => server.bytesRead() >= goal)
      relay.kill('SIGSTOP')
      relay.kill('SIGCONT')
    }
    await sent
    const got = await server.readAll()
    assert.deepEqual([got.bytes, got.sha256, got.ending], [bytes.length, sha256(bytes), 'fin'])
  })

  it('SIGTERM under load drains: transfers that are under way end whole, without a reset', async () => {
    const bytes = randomBytes(8 << 20)
    const upstream = await listen({ onPeer: (peer) => void peer.end(bytes) })
    await using relay = await forwardProcess(upstream.port)
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(`127.0.0.1:${relay.port}`)))
    await eventually('bytes for everybody', () => clients.every((client) => client.bytesRead() > 0))
    relay.kill('SIGTERM')
    const ends = await Promise.all(clients.map(async (client) => {
      const got = await client.readAll()
      await client.end()
      return got
    }))
    for (const got of ends) assert.deepEqual([got.bytes, got.sha256, got.ending], [bytes.length, sha256(bytes), 'fin'])
    assert.deepEqual(await relay.exited, { code: 0, signal: null })
  })
})
