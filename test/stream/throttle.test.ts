/** A throttle makes a stream slow and nothing else. Wall clock is only ever a lower bound, and a generous one. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, throttle } from '../../lib/index.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

const bytesPerSecond = 1_000_000
const burstBytes = 100_000
const contents = Buffer.alloc(1_000_000, 'drop by drop ')

for (const thread of threads) {
  describe(`a throttle, ${thread} thread`, () => {
    for (const direction of ['toUpstream', 'toDownstream'] as const) {
      it(`slows ${direction} to its rate, loses nothing, and leaves the other direction alone`, async () => {
        const listener = await listen()
        const pipeline = pipe(from(tcp('127.0.0.1:0')), throttle({ bytesPerSecond, burstBytes, direction }), forward(tcp(listener.address)))
        await withRelay(pipeline, { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const [writer, reader] = direction === 'toUpstream' ? [downstream, upstream] : [upstream, downstream]
          const began = performance.now()
          const slow = writer.end(contents)
          await reader.end(contents)
          const quick = await writer.readAll()
          const arrivedMeanwhile = reader.bytesRead()
          const received = await reader.readAll()
          await slow
          const seconds = (performance.now() - began) / 1000
          assert.deepEqual({ bytes: received.bytes, sha256: received.sha256 }, { bytes: contents.length, sha256: sha256(contents) })
          assert.equal(quick.sha256, sha256(contents))
          assert.ok(arrivedMeanwhile < contents.length, 'the other direction was done first')
          assert.ok(seconds >= ((contents.length - burstBytes) / bytesPerSecond) * 0.9, `${seconds} s for ${contents.length} bytes`)
          assert.equal((await relay.close()).reason, 'finished')
        })
      })
    }

    it('of a few bytes a second still lets a burst through at once and every byte in the end', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), throttle({ bytesPerSecond: 20, burstBytes: 10 }), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        await downstream.end('0123456789abcdefghij')
        assert.equal((await upstream.readAll()).text, '0123456789abcdefghij')
        await upstream.end()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'finished')
        assert.ok(durationMs >= 450, `${durationMs} ms for ten bytes beyond the burst`)
      })
    })
  })
}
