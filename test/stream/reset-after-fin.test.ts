/** pitfalls 6: who has sent a FIN can still reset, and the side that has nothing more to read has to be told. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`a reset after a FIN, ${thread} thread`, () => {
    for (const side of ['downstream', 'upstream'] as const) {
      it(`of the ${side} ends the session, and the other side's next write fails`, async () => {
        const listener = await listen()
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const [resets, other] = side === 'downstream' ? [downstream, upstream] : [upstream, downstream]
          await resets.end('done sending')
          assert.equal((await other.readAll()).text, 'done sending')
          resets.reset()
          const { reason } = await relay.close()
          assert.equal(reason, side === 'downstream' ? 'resetByDownstream' : 'resetByUpstream')
          await other.closedByReset()
        })
      })
    }
  })
}
