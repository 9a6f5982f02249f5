/** A throttle holds bytes back wherever they come from. Wall clock is only ever a lower bound, and a generous one. */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp, throttle, transform } from '../../lib/index.ts'
import { connect, sha256 } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'

const bytesPerSecond = 200_000
const burstBytes = 20_000
const contents = Buffer.alloc(200_000, 'drop by drop ')

describe('transform with throttle and echo', () => {
  for (const direction of ['toUpstream', 'toDownstream'] as const) {
    for (const [what, handler] of [['passed', (chunk: Buffer) => chunk], ['copied', (chunk: Buffer) => Buffer.from(chunk)]] as const) {
      it(`what is ${what} comes back no faster than the rate ${direction}, and whole`, async () => {
        const pipeline = pipe(from(tcp('127.0.0.1:0')), throttle({ bytesPerSecond, burstBytes, direction }), transform({ toUpstream: handler }), echo())
        await withRelay(pipeline, {}, async (relay) => {
          const downstream = await connect(relay.address)
          const began = performance.now()
          const sent = downstream.end(contents)
          const received = await downstream.readAll()
          await sent
          const seconds = (performance.now() - began) / 1000
          assert.deepEqual([received.bytes, received.sha256, received.ending], [contents.length, sha256(contents), 'fin'])
          assert.ok(seconds >= ((contents.length - burstBytes) / bytesPerSecond) * 0.9, `${seconds} s for ${contents.length} bytes`)
        })
      })
    }
  }
})
