/** A head that was kept while something decided, and then has to go through JS: none of it is lost, whatever its size and whatever follows. */
import assert from 'node:assert/strict'
import { close, echo, forward, inspect, listen as from, otherwise, pass, pipe, prefix, replace, route, stream, tcp, transform, when, type Stage } from '../../lib/index.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'

const passing = transform({ toUpstream: (chunk) => chunk })
const copying = transform({ toUpstream: (chunk) => Buffer.from(chunk) })
const large = Buffer.alloc(2 << 20)
for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

describe('a head in front of a transform', () => {
  for (const [what, stage] of [['passes', passing], ['copies', copying]] as const) {
    it(`with the FIN right behind it, to an upstream, where the transform ${what}`, async () => {
      const listener = await listen()
      // Only the FIN decides: until it has come, the prefix may still be one.
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(prefix('GET /never'), close()), otherwise(stage, forward(tcp(listener.address)))))
      await withRelay(pipeline, {}, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end('GET /')
        const upstream = await listener.accept()
        const { text, ending } = await upstream.readAll()
        assert.deepEqual({ text, ending }, { text: 'GET /', ending: 'fin' })
        await upstream.end('answer')
        assert.equal((await downstream.readAll()).text, 'answer')
        assert.equal((await relay.close()).reason, 'finished')
        assert.equal(relay.server.ledger().toUpstream.dropped, 0)
      })
    })

    it(`with the FIN right behind it, to echo, where the transform ${what}`, async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), route(when(prefix('GET /never'), close()), otherwise(stage, echo()))), {}, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end('GET /')
        const { text, ending } = await downstream.readAll()
        assert.deepEqual({ text, ending }, { text: 'GET /', ending: 'fin' })
        assert.equal((await relay.close()).reason, 'finished')
        assert.equal(relay.server.ledger().toDownstream.dropped, 0)
      })
    })
  }
})

describe('2 MiB put in front of a stream by replace', () => {
  const grow = inspect(() => replace(0, large))

  it('reach a stream sink whole, and what was there comes after them', async () => {
    const chunks: Buffer[] = []
    const sink = stream({ data(_session, chunk) { chunks.push(Buffer.from(chunk)) }, end(session) { session.end('got it') } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), grow, sink), {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.end('tail')
      assert.equal((await downstream.readAll()).text, 'got it')
      const got = Buffer.concat(chunks)
      assert.deepEqual([got.length, sha256(got)], [large.length + 4, sha256(large, Buffer.from('tail'))])
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  for (const [what, stages] of [['a transform that passes', [grow, passing]], ['a transform that copies', [grow, copying]], ['an inspect and a transform', [grow, inspect(() => pass()), passing]]] as const) {
    it(`go through ${what} to the upstream whole, and what was there comes after them`, async () => {
      const listener = await listen()
      const list: readonly Stage<'stream'>[] = stages
      await withRelay(pipe(from(tcp('127.0.0.1:0')), ...list, forward(tcp(listener.address))), {}, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end('tail')
        const upstream = await listener.accept()
        const { bytes, sha256: digest, ending } = await upstream.readAll()
        assert.deepEqual({ bytes, digest, ending }, { bytes: large.length + 4, digest: sha256(large, Buffer.from('tail')), ending: 'fin' })
        await upstream.end()
        assert.equal((await relay.close()).reason, 'finished')
      })
    })
  }
})
