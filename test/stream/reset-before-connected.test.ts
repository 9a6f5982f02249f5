/** pitfalls 10: the handshake, bytes and a reset can all be there before the relay has looked at its socket once. */
import assert from 'node:assert/strict'
import { forward, halfCloseTimeout, inspect, listen as from, pipe, replace, tcp } from '../../lib/index.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { withRelay } from '../support/relay.ts'
import { spokeAndReset } from '../support/spoke-and-reset.ts'
import { pause } from '../support/until.ts'

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

describe('a client that is reset while its upstream is looked up', () => {
  it('is known to be gone when bytes wait for an upstream that takes none: the half-close timeout ends it', async () => {
    const upstream = await rawPeer(undefined, { pauseAt: [0] })
    let found: () => void = () => undefined
    const looked = new Promise<void>((resolve) => { found = resolve })
    const resolver = async () => {
      await looked
      return [{ address: '127.0.0.1', ttl: 60 }]
    }
    const pipeline = pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(500), inspect(() => replace(1, Buffer.alloc(16 << 20))), forward(tcp(upstream.address.replace('127.0.0.1', 'a.example'))))
    await withRelay(pipeline, { resolver, lingerMs: 100 }, async (relay) => {
      const client = await connect(relay.address)
      await client.send('x')
      await eventually('the lookup', async () => (await relay.server.sessions())[0]?.state === 'resolving')
      client.reset()
      await pause(100) // in which the loop hears of it
      found()
      assert.equal((await relay.close()).reason, 'halfCloseTimeout')
    })
  })
})
