/** Handlers that fail, or end sessions, in the middle of a crossing: only the session they mean is touched. */
import assert from 'node:assert/strict'
import { choose, decide, echo, forward, inspect, listen, more, pass, pipe, stream, tcp, transform } from '../../lib/index.ts'
import type { Pipeline, RelayEvent, Session, Sink, Stage } from '../../lib/index.ts'
import { closeReasons } from '../../lib/ledger.ts'
import { Verdict } from '../../lib/native.ts'
import { fakeRelay } from './fake-relay.ts'
import type { Told } from './fake-relay.ts'

const source = listen(tcp('127.0.0.1:0'))
const to = forward(tcp('127.0.0.1:1'))
const through = (stage: Stage<'stream'>): Pipeline<'stream'> => pipe(source, stage, to)
const into = (sink: Sink<'stream'>): Pipeline<'stream'> => pipe(source, sink)
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('a handler that fails', () => {
  const boom = (): never => { throw new Error('boom') }
  const kinds: readonly (readonly [name: string, pipeline: Pipeline<'stream'>, before: readonly Told['kind'][], record: Told['kind']])[] = [
    ['inspect', through(inspect((head) => (head[0] === 33 ? boom() : pass()))), [], 'head'],
    ['decide', through(decide((head) => (head[0] === 33 ? boom() : pass()))), [], 'head'],
    ['choose', into(choose({ a: echo() }, (head) => (head[0] === 33 ? boom() : 'a'))), [], 'head'],
    ['transform', through(transform({ toUpstream: (bytes) => (bytes[0] === 33 ? boom() : bytes) })), [], 'chunk'],
    ['data', into(stream({ data(_session, bytes) { if (bytes[0] === 33) boom() } })), ['started'], 'data'],
  ]
  for (const [name, pipeline, before, record] of kinds) {
    for (const place of [0, 1, 2]) {
      it(`${name} at place ${place} of a batch ends only its own session`, () => {
        const relay = fakeRelay(pipeline)
        const sessions = [1, 2, 3]
        if (before.length > 0) relay.tell(...sessions.flatMap((session) => before.map((kind): Told => ({ kind, session }))))
        const verdicts = relay.tell(...sessions.map((session, i): Told => ({ kind: record, session, bytes: i === place ? '!' : 'ok' })))
        assert.deepEqual(relay.errors.map(({ message, session }) => [message, session?.id]), [['boom', place + 1]])
        assert.deepEqual(relay.asked().filter((call) => call.startsWith('endSession')), [`endSession ${place + 1} handlerError`])
        assert.equal(verdicts[place], Verdict.answered)
        relay.tell({ kind: 'close', session: place + 1, value: closeReasons.indexOf('handlerError') })
        const [event] = relay.events
        assert(event?.type === 'close')
        assert.deepEqual([event.reason, event.message], ['handlerError', 'boom'])
      })
    }
  }

  it('in open, end, drain and close is reported, and ends what is still there', () => {
    const relay = fakeRelay(into(stream((session) => ({
      open() { if (session.id === 1) boom() },
      data() {},
      end: boom,
      drain: boom,
      close: boom,
    }))))
    relay.tell({ kind: 'started', session: 1 }, { kind: 'started', session: 2 }, { kind: 'started', session: 3 }, { kind: 'end', session: 2 }, { kind: 'drain', session: 3 }, { kind: 'close', session: 3 })
    assert.deepEqual(relay.asked(), ['endSession 1 handlerError', 'endSession 2 handlerError', 'endSession 3 handlerError'])
    assert.deepEqual(relay.errors.map(({ session }) => session?.id), [1, 2, 3, 3])
  })

  it('may throw anything', () => {
    const things: readonly unknown[] = [null, undefined, 'text', 5n, Symbol('s'), Object.create(null), { toString: boom }]
    const relay = fakeRelay(through(inspect((_head, session) => { throw things[session.id - 1] })))
    relay.tell(...things.map((_, i): Told => ({ kind: 'head', session: i + 1 })))
    assert.deepEqual(relay.errors.map(({ message }) => message), things.map((thing) => typeof thing))
    assert.equal(relay.asked().length, things.length)
  })

  it('later, by a promise, is reported too, and only where the session is still there', async () => {
    const relay = fakeRelay(through(decide(() => Promise.reject(new Error('late')))))
    relay.tell({ kind: 'head', session: 1 }, { kind: 'head', session: 2 }, { kind: 'close', session: 2 })
    await turn()
    assert.deepEqual(relay.errors.map(({ message, session }) => [message, session?.id]), [['late', 1]])
    assert.deepEqual(relay.asked(), ['endSession 1 handlerError'])
  })

  it('and onEvents that throws is reported without a session, with the next batch unharmed', () => {
    const batches: (readonly RelayEvent[])[] = []
    const relay = fakeRelay(into(echo()), (batch) => { batches.push(batch); boom() })
    relay.tell({ kind: 'open', session: 1 }, { kind: 'close', session: 1 })
    relay.tell({ kind: 'open', session: 2 })
    assert.deepEqual(batches.map((batch) => batch.map(({ type }) => type)), [['open', 'close'], ['open']])
    assert.deepEqual(relay.errors.map(({ message, session }) => [message, session]), [['boom', undefined], ['boom', undefined]])
  })
})

describe('a handler that ends sessions', () => {
  it('its own: what it answers then counts for nothing, and it is not called again', () => {
    let calls = 0
    const relay = fakeRelay(through(inspect((_head, session) => { calls++; session.reset(); session.close(); return pass() })))
    assert.deepEqual(relay.tell({ kind: 'head' }, { kind: 'head' }), [Verdict.answered, Verdict.answered])
    assert.equal(calls, 1)
    assert.deepEqual(relay.asked(), ['endSession 1 reset'])
  })

  it('that of a later record of the same batch: its handler is not called', () => {
    const sessions: Session[] = []
    const relay = fakeRelay(through(inspect((head, session) => { sessions.push(session); if (head[0] === 33) sessions[0]?.close(); return more() })))
    relay.tell({ kind: 'head', session: 1 }, { kind: 'head', session: 2 })
    assert.deepEqual(relay.tell({ kind: 'head', session: 2, bytes: '!' }, { kind: 'head', session: 1 }), [Verdict.more, Verdict.answered])
    assert.equal(sessions.length, 3)
  })

  it('of which it awaits a decision: the signal is aborted', () => {
    let signal: AbortSignal | undefined
    let held: Session | undefined
    const relay = fakeRelay(through(decide((_head, session, given) => { [signal, held] = [given, session]; return new Promise(() => undefined) })))
    relay.tell({ kind: 'head' })
    held?.close()
    assert.equal(signal?.aborted, true)
  })
})
