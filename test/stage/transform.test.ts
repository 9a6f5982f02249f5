import assert from 'node:assert/strict'
import { discard, echo, forward, listen as from, pipe, tcp, transform, type ChunkHandler, type TransformOptions } from '../../lib/index.ts'
import { connect, listen, sha256, type Listener } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

async function transformed(stages: readonly TransformOptions[], body: (relay: TestRelay, listener: Listener) => Promise<void>): Promise<void> {
  const listener = await listen()
  await withRelay(pipe(from(tcp('127.0.0.1:0')), ...stages.map((one) => transform(one)), forward(tcp(listener.address))), {}, (relay) => body(relay, listener))
}

/** What the upstream reads of `sent`, and what the downstream reads of `answered`. */
async function exchange(relay: TestRelay, listener: Listener, sent: string | Uint8Array, answered: string | Uint8Array): Promise<{ up: string; down: string }> {
  const downstream = await connect(relay.address)
  await downstream.end(sent)
  const upstream = await listener.accept()
  const up = await upstream.readAll()
  await upstream.end(answered)
  const down = await downstream.readAll()
  assert.deepEqual([up.ending, down.ending], ['fin', 'fin'])
  return { up: up.text, down: down.text }
}

const pass: ChunkHandler = (chunk) => chunk
const drop: ChunkHandler = () => null
const upperCase: ChunkHandler = (chunk) => Buffer.from(chunk.toString('latin1').toUpperCase(), 'latin1')
/** Bytes around each chunk: what they are in shows the order of handlers. */
const around = (open: string, close: string): ChunkHandler => (chunk) => Buffer.concat([Buffer.from(open), chunk, Buffer.from(close)])

const large = Buffer.alloc(8 << 20)
for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

describe('transform', () => {
  it('the same chunk goes on without a copy: nothing is consumed or produced, and every byte has crossed', () => transformed([{ toUpstream: pass, toDownstream: pass }], async (relay, listener) => {
    assert.deepEqual(await exchange(relay, listener, 'question', 'answer'), { up: 'question', down: 'answer' })
    const { toUpstream, toDownstream } = relay.server.ledger()
    for (const [bytes, count] of [[toUpstream, 8], [toDownstream, 6]] as const) {
      const { received, produced, consumed, sent, crossed } = bytes
      assert.deepEqual({ received, produced, consumed, sent, crossed }, { received: count, produced: 0, consumed: 0, sent: count, crossed: count })
    }
    assert.equal((await relay.close()).reason, 'finished')
  }))

  it('a chunk changed in place and passed goes on changed', () => transformed([{ toUpstream: (chunk) => chunk.fill('x', 0, 1) }], async (relay, listener) => {
    assert.equal((await exchange(relay, listener, 'abc', '')).up, 'xbc')
    assert.equal(relay.server.ledger().toUpstream.produced, 0)
  }))

  it('rewrites each direction by its own function, to other lengths too', () => transformed([{ toUpstream: upperCase, toDownstream: (chunk) => Buffer.concat([chunk, chunk]) }], async (relay, listener) => {
    assert.deepEqual(await exchange(relay, listener, 'question', 'ab'), { up: 'QUESTION', down: 'abab' })
    const { toUpstream, toDownstream } = relay.server.ledger()
    assert.deepEqual([toUpstream.produced, toUpstream.consumed, toDownstream.produced, toDownstream.consumed], [8, 8, 4, 2])
  }))

  it('a direction without a function does not cross', () => transformed([{ toDownstream: upperCase }], async (relay, listener) => {
    assert.deepEqual(await exchange(relay, listener, 'question', 'answer'), { up: 'question', down: 'ANSWER' })
    const { toUpstream, toDownstream } = relay.server.ledger()
    assert.deepEqual([toUpstream.crossed, toDownstream.crossed], [0, 6])
  }))

  for (const [what, handler] of [['null', drop], ['no bytes', () => Buffer.alloc(0)]] as const) {
    it(`${what}: the chunk is dropped, the end still comes`, () => transformed([{ toUpstream: handler }], async (relay, listener) => {
      assert.deepEqual(await exchange(relay, listener, 'secret', 'answer'), { up: '', down: 'answer' })
      assert.equal(relay.server.ledger().toUpstream.consumed, 6)
      assert.equal((await relay.close()).reason, 'finished')
    }))
  }

  it('several: in the order of the pipeline towards the upstream, in its reverse towards the downstream', () => transformed([
    { toUpstream: around('(', ')'), toDownstream: around('(', ')') },
    { toUpstream: around('[', ']'), toDownstream: around('[', ']') },
  ], async (relay, listener) => {
    assert.deepEqual(await exchange(relay, listener, 'up', 'down'), { up: '[(up)]', down: '([down])' })
  }))

  it('several: one after a drop is not called', () => {
    let called = false
    return transformed([{ toUpstream: drop }, { toUpstream: (chunk) => { called = true; return chunk } }], async (relay, listener) => {
      assert.equal((await exchange(relay, listener, 'gone', '')).up, '')
      assert.equal(called, false)
    })
  })

  it('chunks that are passed and chunks that are copied keep their order, also where they have to wait', () => {
    let turn = 0
    const mixed: ChunkHandler = (chunk) => (turn++ % 3 === 0 ? chunk : Buffer.from(chunk))
    return transformed([{ toUpstream: mixed, toDownstream: mixed }], async (relay, listener) => {
      const downstream = await connect(relay.address, { paused: true })
      const upstream = await listener.accept()
      upstream.pause()
      const sent = [downstream.end(large), upstream.end(large)]
      const waiting = (): boolean => [relay.server.ledger().toUpstream, relay.server.ledger().toDownstream].every(({ pending }) => pending > 0)
      await until(waiting, 'bytes to wait in both directions')
      downstream.resume()
      upstream.resume()
      await Promise.all(sent)
      const [up, down] = await Promise.all([upstream.readAll(), downstream.readAll()])
      assert.deepEqual([up.sha256, up.ending, down.sha256, down.ending], [sha256(large), 'fin', sha256(large), 'fin'])
      const { toUpstream } = relay.server.ledger()
      assert.ok(toUpstream.produced > 0 && toUpstream.produced < large.length, `${toUpstream.produced} bytes were copied`)
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('a FIN right behind the bytes does not overtake them', () => transformed([{ toUpstream: upperCase, toDownstream: upperCase }], async (relay, listener) => {
    for (let i = 0; i < 50; i++) assert.deepEqual(await exchange(relay, listener, `last ${i}`, 'words'), { up: `LAST ${i}`, down: 'WORDS' })
  }))

  it('with echo: what comes back has gone through both directions', async () => {
    const stage = transform({ toUpstream: around('<', '>'), toDownstream: around('{', '}') })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, echo()), {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.end('hello')
      const { text, ending } = await downstream.readAll()
      assert.deepEqual({ text, ending }, { text: '{<hello>}', ending: 'fin' })
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('with echo: every byte of a large stream, passed and copied, to a reader that starts late', async () => {
    let turn = 0
    const stage = transform({ toUpstream: (chunk) => (turn++ % 2 === 0 ? chunk : Buffer.from(chunk)) })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, echo()), {}, async (relay) => {
      const downstream = await connect(relay.address, { paused: true })
      const sent = downstream.end(large)
      downstream.resume()
      await sent
      assert.equal((await downstream.readAll()).sha256, sha256(large))
    })
  })

  it('with discard: sees everything, and what it makes of it is gone', async () => {
    let seen = 0
    const stage = transform({ toUpstream: (chunk) => { seen += chunk.length; return Buffer.from(chunk) } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, discard()), {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.end(large)
      const { bytes, ending } = await downstream.readAll()
      assert.deepEqual({ bytes, ending, seen }, { bytes: 0, ending: 'fin', seen: large.length })
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('a handler knows its session, the same object for each chunk', () => {
    const key = Symbol('bytes seen')
    const counts: number[] = []
    const counting: ChunkHandler = (chunk, session) => {
      const count = Number(session.state.get(key) ?? 0) + chunk.length
      session.state.set(key, count)
      counts.push(count)
      return chunk
    }
    return transformed([{ toUpstream: counting }], async (relay, listener) => {
      const downstream = await connect(relay.address)
      const upstream = await listener.accept()
      await downstream.send('abc')
      await upstream.read(3)
      await downstream.send('de')
      await upstream.read(2)
      assert.deepEqual(counts, [3, 5])
    })
  })

  it('a handler that throws ends its session as handlerError with a reset to both, and no other', async () => {
    const errors: unknown[] = []
    const listener = await listen()
    const stage = transform({ toUpstream: (chunk) => { if (chunk.includes('bad')) throw new Error('no such thing'); return chunk } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, forward(tcp(listener.address))), { onError: (error) => { errors.push(error) } }, async (relay) => {
      const [good, bad] = [await connect(relay.address), await connect(relay.address)]
      const [goodUp, badUp] = [await listener.accept(), await listener.accept()]
      await Promise.all([good.send('good'), bad.send('bad')])
      assert.equal((await badUp.readAll()).ending, 'reset')
      assert.equal((await bad.readAll()).ending, 'reset')
      assert.equal((await goodUp.read(4)).toString(), 'good')
      const { reason, message } = await relay.close()
      assert.deepEqual({ reason, message }, { reason: 'handlerError', message: 'no such thing' })
      assert.equal(errors.length, 1)
    })
  })
})
