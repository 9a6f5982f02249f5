/** pitfalls 5: a session of which one half has ended must not be kept for ever. Time is the subject here. */
import assert from 'node:assert/strict'
import { forward, halfCloseTimeout, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { patience, pause } from '../support/until.ts'

const timeoutMs = 400

for (const thread of threads) {
  describe(`the half-close timeout, ${thread} thread`, () => {
    for (const first of ['downstream', 'upstream'] as const) {
      it(`a session whose ${first} has ended and whose other side says nothing ends by it`, async () => {
        const listener = await listen()
        await withRelay(pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(timeoutMs), forward(tcp(listener.address))), { thread, lingerMs: 100 }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const [one, other] = first === 'downstream' ? [downstream, upstream] : [upstream, downstream]
          await one.end('over')
          await other.read(4)
          const { reason, durationMs } = await relay.close()
          assert.equal(reason, 'halfCloseTimeout')
          assert.ok(durationMs >= timeoutMs + 100 && durationMs < timeoutMs + 1_500, `${durationMs} ms: the time, and then lingerMs for the side that does not end`)
        })
      })

      it(`a session whose ${first} has ended lives as long as the other side makes progress`, async () => {
        const listener = await listen()
        await withRelay(pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(patience.timeoutMs), forward(tcp(listener.address))), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const [one, other] = first === 'downstream' ? [downstream, upstream] : [upstream, downstream]
          await one.end()
          for (let i = 0; i < patience.steps; i++) {
            await other.send('progress\n')
            await one.read(9)
            await pause(patience.stepMs)
          }
          await other.end()
          await one.readAll()
          assert.equal((await relay.close()).reason, 'finished')
        })
      })
    }
  })
}
