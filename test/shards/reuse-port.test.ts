/** `reusePort`: several servers at one address. */
import assert from 'node:assert/strict'
import { echo, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { allowedCpus } from '../../lib/shards.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { received, sendFrom } from '../support/pinned-sender.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const crowd = 60

describe('servers with reusePort', () => {
  afterEach(destroyPeers)

  it('share an address, each with its own ledger', async () => {
    const at = (port: number) => pipe(listen(tcp(`127.0.0.1:${port}`)), echo())
    await withRelay([at(0)], { reusePort: true, shards: 2 }, async ({ address, server }) => {
      await withRelay([at(server.addresses[0]?.port ?? 0)], { reusePort: true, thread: 'embedded' }, async ({ server: other }) => {
        const peers = await many(crowd, () => connect(address))
        await until(() => server.ledger().sessions.open + other.ledger().sessions.open === crowd, 'all to be accepted')
        for (const one of [server, other]) assert.ok(one.ledger().sessions.open > 0)
        for (const peer of peers) peer.destroy()
      })
    })
  })

  it('with incomingCpu each gets what its CPU has received', async () => {
    const [first = 0, second = first] = allowedCpus()
    const at = (port: number, incomingCpu: number) => pipe(listen(udp(`127.0.0.1:${port}`), { incomingCpu }), echo())
    await withRelay([at(0, first)], { reusePort: true }, async ({ address, server }) => {
      await withRelay([at(server.addresses[0]?.port ?? 0, second)], { reusePort: true }, async ({ server: other }) => {
        const both = () => [server.ledger(), other.ledger()]
        await sendFrom(first, 'udp', address, 300)
        assert.deepEqual(await received(both, 300), [300, 0])
        await sendFrom(second, 'udp', address, 300)
        assert.deepEqual(await received(both, 600), [300, 300])
      })
    })
  })
})
