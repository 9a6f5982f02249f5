/** `session.close()` is after everything written before it: all of it arrives, or the reader learns that it did not. */
import assert from 'node:assert/strict'
import { echo, forward, halfCloseTimeout, listen as from, pipe, stream, tcp, transform } from '../../lib/index.ts'
import type { Server, Session } from '../../lib/index.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { withRelay } from '../support/relay.ts'
import { pause } from '../support/until.ts'

const contents = Buffer.alloc(40 << 20)
for (let at = 0; at < contents.length; at += 4) contents.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

const writesAndCloses = stream({
  open(session) {
    session.write(contents)
    session.close()
  },
  data: () => undefined,
})

describe('session.close()', () => {
  // time is the subject: five times lingerMs
  it('40 MiB reach a reader that sleeps for a second, and then a FIN', async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), writesAndCloses), { lingerMs: 200 }, async (relay) => {
      const downstream = await connect(relay.address, { paused: true })
      await pause(1_000)
      downstream.resume()
      const { bytes, sha256: digest, ending } = await downstream.readAll()
      assert.deepEqual({ bytes, digest, ending }, { bytes: contents.length, digest: sha256(contents), ending: 'fin' })
      await downstream.end()
      assert.equal((await relay.close()).reason, 'closedByHandler')
      assert.equal(relay.server.ledger().toDownstream.dropped, 0)
    })
  })

  it('a reader that never reads is reset in the end, so that what it has does not look complete, and the rest counts as dropped', async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(400), writesAndCloses), { lingerMs: 200 }, async (relay) => {
      const downstream = await rawPeer(relay.address, { pauseAt: [0] })
      await downstream.paused()
      const { reason, bytesToDownstream, durationMs } = await relay.close()
      assert.equal(reason, 'closedByHandler')
      assert.ok(durationMs >= 400, `${durationMs} ms`)
      downstream.resume()
      const { ending, bytes } = await downstream.report()
      assert.equal(ending, 'ECONNRESET')
      assert.ok(bytes < contents.length, `${bytes} bytes arrived`)
      const { dropped, produced, sent } = relay.server.ledger().toDownstream
      assert.deepEqual([produced, sent, dropped], [contents.length, bytesToDownstream, contents.length - bytesToDownstream])
    })
  })

  const ways: readonly (readonly [how: string, of: (chunk: Buffer, session: Session, server: Server) => Buffer])[] = [
    ['in a microtask of a handler that has passed a chunk', (chunk, session) => { queueMicrotask(() => { session.close() }); return chunk }],
    ['by the server while a handler has a chunk, which it passes', (chunk, { id }, server) => { server.endSession(id, 'close'); return chunk }],
    ['by the server while a handler has a chunk, which it changes', (chunk, { id }, server) => { server.endSession(id, 'close'); return Buffer.from(chunk) }],
  ]
  for (const [how, of] of ways) {
    it(`${how}: the upstream gets it`, async () => {
      const listener = await listen()
      const at: { server?: Server } = {}
      const stage = transform({ toUpstream: (chunk, session) => (at.server === undefined ? chunk : of(chunk, session, at.server)) })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, forward(tcp(listener.address))), {}, async (relay) => {
        at.server = relay.server
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        await downstream.send('the last word')
        const { text, ending } = await upstream.readAll()
        assert.deepEqual({ text, ending }, { text: 'the last word', ending: 'fin' })
        await Promise.all([downstream.end(), upstream.end()])
        const { reason, bytesToUpstream } = await relay.close()
        assert.deepEqual({ reason, bytesToUpstream }, { reason: 'closedByHandler', bytesToUpstream: 13 })
      })
    })
  }

  it('in a microtask of a handler that has passed a chunk: echo gives the chunk back', async () => {
    const stage = transform({ toUpstream: (chunk, session) => { queueMicrotask(() => { session.close() }); return chunk } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, echo()), {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.send('the last word')
      const { text, ending } = await downstream.readAll()
      assert.deepEqual({ text, ending }, { text: 'the last word', ending: 'fin' })
      await downstream.end()
      assert.equal((await relay.close()).reason, 'closedByHandler')
    })
  })
})
