/** Pitfall 16, at its edge: IPv6 carries 20 bytes more than IPv4. They pass where they can, and are counted where they cannot; nothing is cut. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'

const mostOfIPv6 = 65_527

for (const thread of threads) {
  describe(`a datagram of ${mostOfIPv6} bytes, ${thread} thread`, () => {
    it('goes from IPv6 to IPv6 whole', async () => {
      const upstream = await udpPeer(undefined, { host: '::1' })
      await withRelay(pipe(from(udp('[::1]:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const downstream = await udpPeer(relay.address)
        const bytes = randomBytes(mostOfIPv6)
        await downstream.send(bytes)
        assert.deepEqual((await upstream.receive()).bytes, bytes)
      })
    })

    it('is dropped as too large on its way to IPv4, and counted; those that fit go on', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('[::1]:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const downstream = await udpPeer(relay.address)
        await downstream.send(randomBytes(mostOfIPv6))
        assert.equal(await downstream.ask('short'), 'short')
        const fits = randomBytes(65_507)
        assert.equal(await downstream.ask(fits), fits.toString('latin1'))
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 2, dropped: { tooLarge: 1 } })
        assert.equal(relay.server.ledger().datagrams.toUpstream.dropped.tooLarge.bytes, mostOfIPv6)
      })
    })
  })
}
