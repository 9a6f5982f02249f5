/** pitfalls 22: traffic in either direction is traffic. Time is the subject here. */
import assert from 'node:assert/strict'
import { forward, idleTimeout, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { patience, pause } from '../support/until.ts'

const timeoutMs = 400

for (const thread of threads) {
  describe(`the idle timeout, ${thread} thread`, () => {
    for (const direction of ['toUpstream', 'toDownstream'] as const) {
      it(`a stream that only flows ${direction} outlives it, and ends by it when it stops`, async () => {
        const listener = await listen()
        await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(patience.timeoutMs), forward(tcp(listener.address))), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const [writer, reader] = direction === 'toUpstream' ? [downstream, upstream] : [upstream, downstream]
          for (let i = 0; i < patience.steps; i++) {
            await writer.send('still here\n')
            await reader.read(11)
            await pause(patience.stepMs)
          }
          assert.equal(relay.server.ledger().sessions.open, 1, 'it lives after more than one timeout')
          for (const peer of [writer, reader]) void peer.readAll().then(() => peer.end())
          const { reason, durationMs } = await relay.close()
          assert.equal(reason, 'idleTimeout')
          assert.ok(durationMs >= patience.steps * patience.stepMs + patience.timeoutMs * 0.7, `${durationMs} ms: the last bytes put it off`)
        })
      })
    }

    it('a session on which nothing ever comes ends by it, not before and not much after', async () => {
      const listener = await listen({ onPeer: (peer) => { void peer.readAll().then(() => peer.end()) } })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        assert.equal((await downstream.readAll()).ending, 'fin')
        await downstream.end()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'idleTimeout')
        assert.ok(durationMs >= timeoutMs && durationMs < timeoutMs + 1_000, `${durationMs} ms`)
      })
    })

    it('peers that do not answer the FIN of a session that ended by it are kept for lingerMs at most', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), forward(tcp(listener.address))), { thread, lingerMs: 300 }, async (relay) => {
        await connect(relay.address)
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'idleTimeout')
        assert.ok(durationMs >= timeoutMs + 300 && durationMs < timeoutMs + 1_500, `${durationMs} ms`)
      })
    })
  })
}
