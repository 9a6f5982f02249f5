/** pitfalls 10: the handshake, bytes and a reset can all be there before the relay has looked at its socket once. */
import assert from 'node:assert/strict'
import { inNamespace } from '../support/namespace.ts'
import { spokeAndReset } from '../support/spoke-and-reset.ts'

describe('an upstream that was connected, spoke and reset before the relay looked', () => {
  // What the upstream's kernel has not sent when it resets is lost there; 30,000 bytes are one segment of the loopback.
  for (const bytes of [0, 6, 30_000]) {
    const expected = { bytes, ending: 'ECONNRESET', reason: 'resetByUpstream', connections: 1 }

    it(`is heard, its reset goes on, and it is not tried again, after ${bytes} bytes over loopback`, async () => {
      assert.deepEqual(await spokeAndReset('127.0.0.1', bytes), expected)
    })

    it(`is heard, its reset goes on, and it is not tried again, after ${bytes} bytes from elsewhere`, async () => {
      // Over loopback the relay may know at once that it is connected; from another address it has to be told by an event.
      const said = await inNamespace('ip address add 10.9.8.7/32 dev lo', 'spoke-and-reset-case.ts', ['10.9.8.7', String(bytes)])
      if (said !== undefined) assert.deepEqual(said, expected)
    })
  }
})
