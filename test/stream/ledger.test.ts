import assert from 'node:assert/strict'
import { deny, echo, forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { checkLedger, threads, withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

for (const thread of threads) {
  describe(`the ledger, ${thread} thread`, () => {
    it('counts every session with its reason and every byte with its direction, per pipeline and in all', async () => {
      const listener = await listen()
      const pipelines = [
        pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))),
        pipe(from(tcp('127.0.0.1:0')), echo()),
        pipe(from(tcp('127.0.0.1:0')), deny('127.0.0.0/8'), echo()),
        pipe(from(tcp('127.0.0.1:0')), forward(tcp(`127.0.0.1:${await unusedPort()}`))),
      ]
      await withRelay(pipelines, { thread }, async (relay) => {
        const plain = await connect(relay.addressOf(0))
        await plain.end('12345')
        const upstream = await listener.accept()
        await upstream.end('1234567')
        const echoed = await connect(relay.addressOf(1))
        await echoed.end('123')
        const denied = await connect(relay.addressOf(2))
        const refused = await connect(relay.addressOf(3))
        await Promise.all([plain, echoed, denied, refused].map((peer) => peer.readAll()))
        const closes = await relay.closes(4)
        assert.deepEqual(closes.map(({ pipeline, reason }) => [pipeline, reason]).sort(), [[0, 'finished'], [1, 'finished'], [2, 'denied'], [3, 'connectRefused']])

        const ledger = relay.server.ledger()
        assert.equal(ledger.sessions.accepted, 4)
        assert.deepEqual({ finished: ledger.reasons.finished, denied: ledger.reasons.denied, refused: ledger.reasons.connectRefused }, { finished: 2, denied: 1, refused: 1 })
        const [first, second] = ledger.pipelines
        assert.deepEqual([first?.toUpstream.received, first?.toUpstream.sent, first?.toDownstream.received, first?.toDownstream.sent], [5, 5, 7, 7])
        assert.equal(second?.toUpstream.received, 3)
        assert.equal(second.toDownstream.sent, 3)
        assert.equal(ledger.toUpstream.crossed + ledger.toDownstream.crossed, 0, 'no byte entered JS')
        checkLedger(relay.server)
      })
    })

    it('shows pending bytes while a reader is paused, and balances when it is gone', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        const sending = downstream.send(Buffer.alloc(64 << 20))
        void sending.catch(() => undefined)
        while (relay.server.ledger().toUpstream.pending === 0) await new Promise(setImmediate)
        assert.ok(relay.server.ledger().toUpstream.pending <= 1 << 20, 'under the mark, of bytes in a pipe')
        const [session] = await relay.server.sessions()
        assert.ok(session)
        upstream.reset()
        await downstream.readAll()
        const { reason } = await relay.close()
        assert.equal(reason, 'resetByUpstream')
        const { toUpstream } = relay.server.ledger()
        assert.equal(toUpstream.received, toUpstream.sent + toUpstream.dropped)
        assert.ok(toUpstream.dropped > 0, 'what was pending is counted as dropped')
      })
    })
  })
}
