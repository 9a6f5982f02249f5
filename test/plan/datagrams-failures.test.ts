/** Handlers of datagrams that fail, or keep what they may not, in the middle of a crossing: only the datagram they mean is touched. */
import assert from 'node:assert/strict'
import { datagrams, isPipeline, listen, pipe, udp } from '../../lib/index.ts'
import type { Datagram, DatagramBatch, DatagramHandler, Pipeline } from '../../lib/index.ts'
import { fakeDatagrams } from './fake-datagrams.ts'
import { call } from './untyped.ts'

const source = listen(udp('127.0.0.1:0'))
const into = (handler: DatagramHandler): Pipeline<'datagram'> => pipe(source, datagrams(handler))
const echoed = into((batch) => { for (const datagram of batch) batch.reply(datagram, datagram.bytes) })
/** A sink with a handler that the compiler would refuse. */
function untyped(handler: unknown): Pipeline<'datagram'> {
  const pipeline = call(pipe, source, call(datagrams, handler))
  assert(isPipeline(pipeline) && pipeline.kind === 'datagram')
  return pipeline
}
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('a handler of datagrams that fails', () => {
  const at = (place: number): DatagramHandler => (batch) => {
    for (const datagram of batch) {
      batch.reply(datagram, datagram.bytes)
      if (datagram.bytes[0] === 97 + place) throw new Error('boom')
    }
  }
  for (const place of [0, 1, 2]) {
    it(`at place ${place} of a batch loses this datagram, and sees the rest`, () => {
      const relay = fakeDatagrams(into(at(place)))
      const verdicts = relay.tell({ bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' })
      assert.deepEqual(verdicts, [0, 1, 2].map((i) => (i === place ? 'drop' : 'pass')))
      assert.deepEqual(relay.replies(), ['0 "a" arena', '1 "b" arena', '2 "c" arena'], 'what was replied is sent')
      assert.deepEqual(relay.errors, ['boom'])
    })
  }

  it('at every datagram is called for each, and the next crossing is as ever', () => {
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) throw new Error(datagram.bytes.toString()) }))
    assert.deepEqual(relay.tell({ bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' }), ['drop', 'drop', 'drop'])
    assert.deepEqual(relay.errors, ['a', 'b', 'c'])
    relay.tell({ bytes: 'd' })
    assert.deepEqual(relay.errors, ['a', 'b', 'c', 'd'])
  })

  it('before the first datagram loses the first one', () => {
    let calls = 0
    const relay = fakeDatagrams(into((batch) => { if (calls++ === 0) throw new Error('boom'); assert.equal(batch.length, 2) }))
    assert.deepEqual(relay.tell({}, {}, {}), ['drop', 'pass', 'pass'])
    assert.deepEqual([calls, relay.errors.length], [2, 1])
  })

  it('after the last one loses none, and is not called again', () => {
    let calls = 0
    const relay = fakeDatagrams(into((batch) => { calls++; for (const datagram of batch) batch.reply(datagram, 'x'); throw new Error('boom') }))
    assert.deepEqual(relay.tell({}, {}), ['pass', 'pass'])
    assert.deepEqual([calls, relay.errors, relay.replies().length], [1, ['boom'], 2])
  })

  it('harms neither the batch of another node before it nor that after it', () => {
    const relay = fakeDatagrams([echoed, into(() => { throw new Error('boom') }), echoed])
    assert.deepEqual(relay.tell({ bytes: 'a' }, { plan: 1 }, { plan: 2, bytes: 'c' }), ['pass', 'drop', 'pass'])
    assert.deepEqual(relay.replies(), ['0 "a" arena', '2 "c" arena'])
  })

  it('may throw anything', () => {
    const things: readonly unknown[] = [null, undefined, 'text', 5n, Symbol('s'), Object.create(null)]
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) throw things[Number(datagram.bytes.toString())] }))
    relay.tell(...things.map((_, i) => ({ bytes: String(i) })))
    assert.deepEqual(relay.errors, things.map((thing) => typeof thing))
  })

  it('by a promise is told so, and what it has done at once counts', async () => {
    const relay = fakeDatagrams(untyped(async (batch: DatagramBatch) => {
      for (const datagram of batch) {
        batch.reply(datagram, 'at once')
        await turn()
        batch.reply(datagram, 'late')
      }
    }))
    assert.deepEqual(relay.tell({ bytes: 'a' }, { bytes: 'b' }), ['pass', 'pass'])
    assert.deepEqual(relay.replies(), ['0 "at once" out'])
    assert.deepEqual(relay.errors, ['datagrams: a handler must answer at once, but this one is async: its batch is over when it returns'])
    await turn()
    await turn()
    assert.equal(relay.errors[1], 'reply: this batch is over: its datagrams can be answered only until the handler returns')
  })
})

describe('a batch that is over', () => {
  const over = { code: 'ERR_MILLRACE_BAD_VERDICT', message: 'reply: this batch is over: its datagrams can be answered only until the handler returns' }

  it('can neither be replied to nor looked at, not even from a later one', () => {
    const kept: { readonly batch: DatagramBatch; readonly datagram: Datagram }[] = []
    const check = (): void => {
      for (const { batch, datagram } of kept) {
        assert.throws(() => batch.reply(datagram, 'x'), over)
        assert.deepEqual([...batch], [])
        for (const name of ['bytes', 'length', 'peer', 'flow', 'listener'] as const) {
          assert.throws(() => datagram[name], { code: 'ERR_MILLRACE_BAD_VERDICT', message: `${name}: this datagram is over: it shows what it has until the loop goes on or the handler returns` })
        }
      }
    }
    const relay = fakeDatagrams(into((batch) => {
      check()
      for (const datagram of batch) kept.push({ batch, datagram })
    }))
    relay.tell({}, {})
    check()
    relay.tell({})
    assert.deepEqual([relay.errors, relay.replies(), kept.length], [[], [], 3])
  })

  it('is one after its handler threw', () => {
    let first: DatagramBatch | undefined
    const relay = fakeDatagrams(into((batch) => {
      const before = first
      first ??= batch
      for (const datagram of batch) {
        if (before === undefined) throw new Error('boom')
        assert.throws(() => before.reply(datagram, 'x'), over)
        assert.throws(() => call(batch.reply.bind(batch), 'it', 'x'), { message: 'reply: expected a datagram of this batch, not "it"' })
      }
    }))
    assert.deepEqual(relay.tell({}, {}), ['drop', 'pass'])
    assert.deepEqual(relay.errors, ['boom'])
  })

  it('knows its own datagram only', () => {
    let other: Datagram | undefined
    const relay = fakeDatagrams(into((batch) => {
      for (const datagram of batch) {
        const foreign = other
        if (foreign !== undefined) assert.throws(() => batch.reply(foreign, 'x'), { message: 'reply: this datagram is of another batch' })
        other = datagram
      }
      const last = other
      if (last !== undefined) assert.throws(() => batch.reply(last, 'x'), { message: 'reply: the loop over this batch has ended, so it stands at no datagram' })
    }))
    relay.tell({})
    relay.tell({})
    assert.deepEqual(relay.errors, [])
  })
})

describe('debug mode', () => {
  it('shows what is in the datagrams, and takes it away afterwards', () => {
    const kept: Buffer[] = []
    const relay = fakeDatagrams(into((batch) => {
      for (const datagram of batch) {
        assert.notEqual(datagram.bytes.buffer, relay.arena)
        const [before] = kept
        if (before !== undefined && before.length === 0) batch.reply(datagram, before)
        kept.push(datagram.bytes)
        batch.reply(datagram, datagram.bytes.subarray(1))
      }
    }), { debug: true })
    assert.deepEqual(relay.tell({ bytes: 'abc' }, { bytes: 'xyz' }), ['pass', 'pass'])
    assert.deepEqual(relay.replies(), ['0 "bc" out', '1 "yz" out'])
    assert.deepEqual(kept.map(({ length }) => length), [0, 0])
    assert.deepEqual(relay.tell({ bytes: 'abc' }), ['drop'])
    assert.deepEqual(relay.errors, ['reply: these bytes were kept after their handler had returned'])
  })

  it('bears with a handler that gives its memory away', () => {
    const relay = fakeDatagrams(into((batch) => { for (const { bytes: { buffer } } of batch) if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) structuredClone(buffer, { transfer: [buffer] }) }), { debug: true })
    assert.deepEqual(relay.tell({ bytes: 'abc' }, { bytes: 'd' }), ['pass', 'pass'])
    assert.deepEqual(relay.errors, [])
  })
})
