/** A throttle holds the answers of STUN over a stream back where they leave. Wall clock is only ever a lower bound, and a generous one. */
import assert from 'node:assert/strict'
import { listen as from, pipe, stun, tcp, throttle } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { request } from '../support/stun.ts'

const count = 1_000
const questions = Buffer.concat(Array.from({ length: count }, () => request()))

for (const thread of threads) {
  describe(`a throttle before STUN, ${thread} thread`, () => {
    for (const [direction, bytes] of [['toUpstream', count * 20], ['toDownstream', count * 32]] as const) {
      it(`holds ${direction} to its rate, and no answer is lost`, async () => {
        const rate = { bytesPerSecond: bytes, burstBytes: bytes / 2 }
        await withRelay(pipe(from(tcp('127.0.0.1:0')), throttle({ ...rate, direction }), stun()), { thread }, async (relay) => {
          const peer = await connect(relay.address)
          const began = performance.now()
          await peer.end(questions)
          assert.deepEqual([(await peer.readAll()).bytes, (await relay.close()).reason], [count * 32, 'finished'])
          const seconds = (performance.now() - began) / 1000
          assert.ok(seconds >= 0.45, `${seconds} s for half a second's worth beyond the burst`)
        })
      })
    }

    it('lets an answer through that is longer than the burst', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), throttle({ bytesPerSecond: 100, burstBytes: 10, direction: 'toDownstream' }), stun()), { thread }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.end(request())
        assert.equal((await peer.readAll()).bytes, 32)
      })
    })
  })
}
