/** A flow whose answer has come before the peer that wants its place is not one that nobody has answered, however the loop reads the two. */
import assert from 'node:assert/strict'
import { filterDatagrams, forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

for (const ioUring of [true, false]) {
  describe(`a full table of flows, ${ioUring ? 'read together' : 'one by one'}`, () => {
    afterEach(closeUdpPeers)

    it('keeps a flow whose answer was there first', async () => {
      const asked: string[] = []
      const upstream = await udpPeer(undefined, { answer: (_, who) => { asked.push(who); return undefined } })
      await withRelay(pipe(from(udp('127.0.0.1:0'), { maxFlows: 1 }), forward(udp(upstream.address))), { thread: 'embedded', ioUring }, async ({ server, address }) => {
        const peer = await udpPeer(address)
        const late = await udpPeer(address)
        await peer.send('question')
        await until(() => asked.length === 1, 'the question to come')
        // In one stretch of JS, so in one turn of the loop, in this order.
        await Promise.all([upstream.burst(['answer'], asked[0]), late.burst(['late'])])
        await until(() => server.ledger().datagrams.toUpstream.received === 2, 'both to be dealt with')
        assert.equal(server.ledger().reasons.evicted, 0)
        assert.equal(String((await peer.receive()).bytes), 'answer')
      })
    })

    it('what a filter has of a flow that gives way is evicted with it', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0'), { maxFlows: 1 }), filterDatagrams(() => undefined), forward(udp(upstream.address))), { thread: 'embedded', ioUring }, async ({ server, address }) => {
        const [first, second] = [await udpPeer(address), await udpPeer(address)]
        await Promise.all([first.burst(['first']), second.burst(['second'])])
        assert.deepEqual(await upstream.texts(1), ['second'])
        const { evicted, expired } = server.ledger().datagrams.toUpstream.dropped
        assert.deepEqual([evicted.datagrams, expired.datagrams], [1, 0])
      })
    })
  })
}
