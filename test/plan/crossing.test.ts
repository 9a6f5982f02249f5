/** One crossing: many records, each for its own handler, and whatever one handler does disturbs no other. */
import assert from 'node:assert/strict'
import { choose, close, decide, echo, forward, inspect, isPipeline, listen, more, pass, pipe, reject, replace, stream, tcp, transform } from '../../lib/index.ts'
import type { Pipeline, Session, Sink, Stage, StreamSession } from '../../lib/index.ts'
import { closeReasons } from '../../lib/ledger.ts'
import { Direction, Verdict } from '../../lib/native.ts'
import { fakeRelay } from './fake-relay.ts'
import type { Told } from './fake-relay.ts'
import { call } from './untyped.ts'

const source = listen(tcp('127.0.0.1:0'))
const to = forward(tcp('127.0.0.1:1'))
const through = (stage: Stage<'stream'>): Pipeline<'stream'> => pipe(source, stage, to)
const into = (sink: Sink<'stream'>): Pipeline<'stream'> => pipe(source, sink)
/** A pipeline with a stage that the compiler would refuse. */
function untyped(stage: unknown): Pipeline<'stream'> {
  const pipeline = call(pipe, source, stage, to)
  assert(isPipeline(pipeline) && pipeline.kind === 'stream')
  return pipeline
}
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('a crossing of heads', () => {
  it('brings each verdict back to its own record', () => {
    const relay = fakeRelay(through(inspect((head) => ({ p: pass(), m: more(), r: replace(1, 'new'), x: reject('no', 'bye') })[head.toString()] ?? pass())))
    const heads = ['p', 'm', 'r', 'x', 'p'].map((bytes, i): Told => ({ kind: 'head', session: i + 1, bytes }))
    assert.deepEqual(relay.tell(...heads), [Verdict.pass, Verdict.more, Verdict.answered, Verdict.answered, Verdict.pass])
    assert.deepEqual(relay.asked(), ['answerHead 3 0 0 1 "new"', 'endSession 4 rejected "bye"'])
  })

  it('shows the handler who came, and is the same session the next time', () => {
    const seen: Session[] = []
    const relay = fakeRelay(through(inspect((_head, session) => { seen.push(session); session.state.set('count', seen.length); return more() })))
    relay.tell({ kind: 'head', session: 500, bytes: 'a' })
    relay.tell({ kind: 'head', session: 500, bytes: 'ab' })
    const [first, second] = seen
    assert(first)
    assert.equal(first, second)
    assert.deepEqual([first.id, first.downstream, first.listener, first.upstream, first.state.get('count')], [500, '10.0.0.1:500', '127.0.0.1:8080', undefined, 2])
  })

  it('gives decide a copy of the head, which it may keep', async () => {
    let kept: Buffer | undefined
    const relay = fakeRelay(through(decide((head) => { kept = head; return pass() })))
    assert.deepEqual(relay.tell({ kind: 'head', bytes: 'hello' }), [Verdict.pass])
    assert.equal(kept?.toString(), 'hello')
  })

  it('answers later what a promise brings', async () => {
    const answers = [pass(), replace(2, 'x'), reject('no')]
    const relay = fakeRelay(through(decide(async (_head, session) => (await turn(), answers[session.id - 1] ?? pass()))))
    assert.deepEqual(relay.tell(...[1, 2, 3].map((session): Told => ({ kind: 'head', session, bytes: 'ab' }))), [Verdict.later, Verdict.later, Verdict.later])
    assert.deepEqual(relay.asked(), [])
    await turn()
    await turn()
    assert.deepEqual(relay.asked(), ['answerHead 1 0 0 0', 'answerHead 2 0 0 2 "x"', 'endSession 3 rejected'])
  })

  for (const [how, over] of [['abandoned', { kind: 'abandoned' }], ['close', { kind: 'close' }]] as const) {
    it(`aborts a decision at ${how} and ignores its late answer`, async () => {
      const asked: { readonly signal: AbortSignal; readonly answer: () => void }[] = []
      const relay = fakeRelay(through(decide((_head, _session, signal) => new Promise((resolve) => asked.push({ signal, answer: () => resolve(pass()) })))))
      relay.tell({ kind: 'head' })
      const [question] = asked
      assert.equal(question?.signal.aborted, false)
      relay.tell(over)
      assert.equal(question.signal.aborted, true)
      question.answer()
      await turn()
      assert.deepEqual(relay.asked(), [])
      assert.deepEqual(relay.errors, [])
    })
  }

  it('names the branch of choose, at once or later', async () => {
    const branches = { a: echo(), b: close() }
    const relay = fakeRelay(into(choose(branches, (head) => (head.length === 0 ? more() : head[0] === 97 ? 'a' : Promise.resolve('b' as const)))))
    assert.deepEqual(relay.tell({ kind: 'head', session: 1 }, { kind: 'head', session: 2, bytes: 'a' }, { kind: 'head', session: 3, bytes: 'b' }), [Verdict.more, Verdict.answered, Verdict.later])
    await turn()
    assert.deepEqual(relay.asked(), ['answerHead 2 0 0 0', 'answerHead 3 0 1 0'])
  })

  const wrong: readonly (readonly [unknown, string])[] = [
    [undefined, 'inspect: expected pass(), more(), replace(…) or reject(…) at once, not undefined'],
    [true, 'inspect: expected pass(), more(), replace(…) or reject(…) at once, not true'],
    [pass, 'inspect: expected pass(), more(), replace(…) or reject(…) at once, not the function pass'],
    [Promise.resolve(pass()), 'inspect: expected pass(), more(), replace(…) or reject(…) at once, not a promise'],
    [replace(3, ''), 'inspect: replace: consumedBytes is 3, but the head has 2 bytes'],
  ]
  for (const [answer, message] of wrong) {
    it(message, () => {
      const relay = fakeRelay(untyped(call(inspect, () => answer)))
      assert.deepEqual(relay.tell({ kind: 'head', bytes: 'ab' }), [Verdict.answered])
      assert.deepEqual(relay.errors.map((error) => error.message), [message])
      assert.deepEqual(relay.asked(), ['endSession 1 handlerError'])
    })
  }
})

describe('a crossing of chunks', () => {
  const chunk = (session: number, bytes: string, value: number = Direction.toUpstream): Told => ({ kind: 'chunk', session, bytes, value })

  it('passes the same chunk on without a copy, also one that was changed in place', () => {
    const relay = fakeRelay(through(transform({ toUpstream: (bytes) => bytes.fill(0x78) })))
    assert.deepEqual(relay.tell(chunk(1, 'abc')), [Verdict.pass])
    assert.deepEqual(relay.asked(), [])
  })

  it('writes other bytes instead, and nothing for null or none', () => {
    const relay = fakeRelay(through(transform({ toUpstream: (bytes) => (bytes.length > 2 ? Buffer.concat([bytes, bytes]) : bytes.length > 1 ? new Uint8Array(0) : null) })))
    assert.deepEqual(relay.tell(chunk(1, 'abc'), chunk(2, 'ab'), chunk(3, 'a')), [Verdict.answered, Verdict.answered, Verdict.answered])
    assert.deepEqual(relay.asked(), ['write 1 toUpstream "abcabc"'])
  })

  it('goes through several in their order, and back in reverse, always as a Buffer', () => {
    const mark = (letter: string) => (bytes: Buffer): Uint8Array => Uint8Array.from(Buffer.from(`${letter}(${bytes.toString()})`))
    const stages = ['a', 'b'].map((letter) => transform({ toUpstream: mark(letter), toDownstream: mark(letter) }))
    const relay = fakeRelay(pipe(source, ...stages, to))
    relay.tell(chunk(1, 'x'), chunk(1, 'y', Direction.toDownstream))
    assert.deepEqual(relay.asked(), ['write 1 toUpstream "b(a(x))"', 'write 1 toDownstream "a(b(y))"'])
  })

  it('refuses what is no bytes', () => {
    const relay = fakeRelay(untyped(call(transform, { toUpstream: () => 'text' })))
    assert.deepEqual(relay.tell(chunk(1, 'x')), [Verdict.answered])
    assert.deepEqual(relay.errors.map(({ message }) => message), ['transform: expected a Uint8Array or null, not "text"'])
  })
})

describe('a crossing for a stream sink', () => {
  it('opens, brings bytes, ends and closes, with the handlers of this session', () => {
    const seen: string[] = []
    const relay = fakeRelay(into(stream((session) => {
      const id = session.id
      return {
        open() { seen.push(`${id} open`) },
        data(_session, bytes) { seen.push(`${id} ${bytes.toString()}`) },
        end() { seen.push(`${id} end`) },
        drain() { seen.push(`${id} drain`) },
        close(_session, event) { seen.push(`${id} ${event.reason}`) },
      }
    })))
    relay.tell({ kind: 'started', session: 1 }, { kind: 'started', session: 2 }, { kind: 'data', session: 2, bytes: 'b' }, { kind: 'data', session: 1, bytes: 'a' }, { kind: 'end', session: 1 })
    relay.tell({ kind: 'drain', session: 2 }, { kind: 'close', session: 1 }, { kind: 'close', session: 2, value: closeReasons.indexOf('idleTimeout') })
    assert.deepEqual(seen, ['1 open', '2 open', '2 b', '1 a', '1 end', '2 drain', '1 finished', '2 idleTimeout'])
    assert.deepEqual(relay.errors, [])
  })

  it('write says true while more than the high-water mark is pending, and once the session is over', () => {
    let held: StreamSession | undefined
    const relay = fakeRelay(into(stream({ open(session) { held = session }, data() {} })))
    relay.tell({ kind: 'started' })
    assert(held)
    assert.equal(held.write('a'), false)
    relay.pending = 262_144
    assert.equal(held.write('b'), false)
    relay.pending = 262_145
    assert.equal(held.write('c'), true)
    assert.equal(held.pendingBytes, 262_145)
    relay.pending = -1
    assert.equal(held.write('d'), true, 'the addon has ended it')
    relay.tell({ kind: 'close' })
    relay.asked()
    assert.equal(held.write('e'), true)
    held.end()
    held.pause()
    held.close()
    assert.equal(held.pendingBytes, 0)
    assert.deepEqual(relay.asked(), [], 'nothing is asked for a session that is over')
  })

  it('without an end handler the session is ended when the downstream ends', () => {
    const relay = fakeRelay(into(stream({ data() {} })))
    relay.tell({ kind: 'started' }, { kind: 'end' })
    assert.deepEqual(relay.asked(), ['endWrite 1'])
  })

  it('writing after end() is a mistake of the handler', () => {
    const relay = fakeRelay(into(stream({ data(session) { session.end('bye'); session.write('more') } })))
    relay.tell({ kind: 'started' }, { kind: 'data', bytes: 'x' })
    assert.deepEqual(relay.asked(), ['write 1 toDownstream "bye"', 'endWrite 1', 'endSession 1 handlerError'])
    assert.deepEqual(relay.errors.map(({ message }) => message), ['stream: write after end()'])
  })

  it('transforms on the way are between the downstream and the handlers', () => {
    const mark = (letter: string) => (bytes: Buffer): Uint8Array => Buffer.from(`${letter}(${bytes.toString()})`)
    const stages = ['a', 'b'].map((letter) => transform({ toUpstream: mark(letter), toDownstream: mark(letter) }))
    const relay = fakeRelay(pipe(source, ...stages, stream({ data(session, bytes) { session.write(bytes) } })))
    relay.tell({ kind: 'started' }, { kind: 'data', bytes: 'x' })
    assert.deepEqual(relay.asked(), ['write 1 toDownstream "a(b(b(a(x))))"'])
  })

  it('is the same session that inspect has seen', () => {
    const seen: Session[] = []
    const relay = fakeRelay(pipe(source, inspect((_head, session) => { seen.push(session); return pass() }), stream({ open(session) { seen.push(session) }, data() {} })))
    relay.tell({ kind: 'head' }, { kind: 'started', node: 1 })
    assert.equal(seen.length, 2)
    assert.equal(seen[0], seen[1])
  })
})

describe('events', () => {
  it('come in one batch a crossing, with everything about a session', () => {
    const relay = fakeRelay(into(echo()))
    relay.tell({ kind: 'open', session: 7 }, { kind: 'close', session: 7, value: closeReasons.indexOf('connectRefused'), extra: 111 }, { kind: 'notice', session: 0, value: 1, extra: 24 })
    const at = 0
    assert.deepEqual(relay.events.map((event) => ({ ...event, at })), [
      { type: 'open', at, session: 7, pipeline: 0, downstream: '10.0.0.1:7', listener: '127.0.0.1:8080', upstream: undefined },
      { type: 'close', at, session: 7, pipeline: 0, downstream: '10.0.0.1:7', listener: '127.0.0.1:8080', upstream: undefined, reason: 'connectRefused', error: 'ECONNREFUSED', bytesToUpstream: 0, bytesToDownstream: 0, durationMs: 0 },
      { type: 'notice', code: 'paused', at, pipeline: 0, listener: '127.0.0.1:8080', error: 'EMFILE' },
    ])
  })

  it('the end of the relay comes after the last of them', () => {
    const relay = fakeRelay(into(echo()), () => { assert.deepEqual(relay.asked(), []) })
    relay.tell({ kind: 'closed', session: 0 }, { kind: 'close', session: 1 })
    assert.deepEqual(relay.asked(), ['closed'])
  })
})
