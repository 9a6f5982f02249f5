/** A `datagrams` sink and the batches it is given: one crossing, one cursor, and replies from where the bytes are. */
import assert from 'node:assert/strict'
import { datagrams, isPipeline, listen, pipe, remoteAddress, otherwise, route, udp, when } from '../../lib/index.ts'
import type { Datagram, DatagramBatch, DatagramHandler, Pipeline } from '../../lib/index.ts'
import { flowId } from '../../lib/native.ts'
import { fakeDatagrams } from './fake-datagrams.ts'
import { call } from './untyped.ts'

const source = listen(udp('127.0.0.1:0'))
const into = (handler: DatagramHandler): Pipeline<'datagram'> => pipe(source, datagrams(handler))
/** A sink with a handler that the compiler would refuse. */
function untyped(handler: unknown): Pipeline<'datagram'> {
  const pipeline = call(pipe, source, call(datagrams, handler))
  assert(isPipeline(pipeline) && pipeline.kind === 'datagram')
  return pipeline
}

describe('a batch', () => {
  it('shows every datagram by one object', () => {
    const seen: unknown[][] = []
    const objects = new Set<Datagram>()
    const relay = fakeDatagrams(into((batch) => {
      assert.equal(batch.length, 3)
      for (const datagram of batch) {
        objects.add(datagram)
        seen.push([datagram.bytes.toString(), datagram.length, datagram.peer, datagram.flow, datagram.listener])
      }
    }))
    assert.deepEqual(relay.tell({ bytes: 'a', flow: 5 }, { bytes: '', flow: 300, generation: 2, endpoint: 1 }, { bytes: 'abc', flow: 5 }), ['pass', 'pass', 'pass'])
    assert.deepEqual(seen, [
      ['a', 1, '10.0.0.1:5', flowId(5, 1), '127.0.0.1:7890'],
      ['', 0, '10.0.0.2:300', flowId(300, 2), '127.0.0.1:7891'],
      ['abc', 3, '10.0.0.1:5', flowId(5, 1), '127.0.0.1:7890'],
    ])
    assert.equal(objects.size, 1)
    assert.deepEqual(relay.replies(), [])
  })

  it('can be looped over again, also within its loop, and left early', () => {
    const seen: string[] = []
    fakeDatagrams(into((batch) => {
      for (const datagram of batch) { seen.push(datagram.bytes.toString()); break }
      for (const datagram of batch) {
        seen.push(datagram.bytes.toString())
        for (const inner of batch) seen.push(`inner ${inner.bytes.toString()}`)
      }
    })).tell({ bytes: 'a' }, { bytes: 'b' })
    assert.deepEqual(seen, ['a', 'a', 'inner a', 'inner b'])
  })

  it('has the same Buffer for the same place, and another for another', () => {
    const views: Buffer[] = []
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) views.push(datagram.bytes, datagram.bytes) }))
    relay.tell({ bytes: 'abc' }, { bytes: 'abc' })
    relay.tell({ bytes: 'xyz' }, { bytes: 'xyz1' })
    assert.deepEqual([1, 4, 5].map((i) => views[i] === views[0]), [true, true, true])
    assert.notEqual(views[2], views[0])
    assert.notEqual(views[6], views[2])
    assert.equal(views[6]?.length, 4)
  })

  it('calls the handler of each node and each pipeline with its own', () => {
    const seen: string[] = []
    const named = (name: string): DatagramHandler => (batch) => { seen.push(`${name} ${[...batch].length}`) }
    const routed = pipe(source, route(when(remoteAddress('10.0.0.0/8'), datagrams(named('first'))), otherwise(datagrams(named('second')))))
    fakeDatagrams([routed, into(named('third'))]).tell({ node: 1 }, { node: 1 }, { node: 2 }, { plan: 1 }, { plan: 1 }, { plan: 1 })
    assert.deepEqual(seen, ['first 2', 'second 1', 'third 3'])
  })

  it('knows a peer again by its flow, and the next one that has its place', () => {
    const peers: string[] = []
    const relay = fakeDatagrams(into((batch) => { for (const { peer } of batch) peers.push(peer) }))
    relay.tell({ flow: 1 }, { flow: 1 })
    relay.tell({ flow: 1, generation: 9 })
    assert.deepEqual(peers, ['10.0.0.1:1', '10.0.0.1:1', '10.0.0.9:1'])
  })
})

describe('reply', () => {
  it('sends the own bytes and parts of them from where they are', () => {
    const relay = fakeDatagrams(into((batch) => {
      for (const datagram of batch) {
        batch.reply(datagram, datagram.bytes)
        batch.reply(datagram, datagram.bytes.subarray(1, 3))
      }
    }))
    relay.tell({ bytes: 'abcd' }, { bytes: 'wxyz' })
    assert.deepEqual(relay.replies(), ['0 "abcd" arena', '0 "bc" arena', '1 "wxyz" arena', '1 "xy" arena'])
  })

  it('sends them as they are when the handler returns', () => {
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) { batch.reply(datagram, datagram.bytes); datagram.bytes.fill('x') } }))
    relay.tell({ bytes: 'abcd' })
    assert.deepEqual(relay.replies(), ['0 "xxxx" arena'])
  })

  it('sends other bytes, texts and nothing, any number of times, from a copy', () => {
    const mine = Buffer.from('mine')
    const relay = fakeDatagrams(into((batch) => {
      for (const datagram of batch) {
        batch.reply(datagram, mine)
        mine.fill('-')
        batch.reply(datagram, 'ü')
        batch.reply(datagram, new Uint8Array(0))
        batch.reply(datagram, Uint8Array.from([33, 33]))
        batch.reply(datagram, '')
      }
    }))
    assert.deepEqual(relay.tell({ bytes: 'a' }), ['pass'])
    assert.deepEqual(relay.replies(), ['0 "mine" out', '0 "ü" out', '0 "" out', '0 "!!" out', '0 "" out'])
  })

  it('copies bytes of another datagram, whose place may not be its own for long', () => {
    const relay = fakeDatagrams(into((batch) => {
      let last: Buffer | undefined
      for (const datagram of batch) {
        if (last !== undefined) batch.reply(datagram, last)
        last = datagram.bytes
      }
    }))
    relay.tell({ bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' })
    assert.deepEqual(relay.replies(), ['1 "a" out', '2 "b" out'])
  })

  it('takes the longest datagram, and no longer one', () => {
    const relay = fakeDatagrams(into((batch) => {
      for (const datagram of batch) {
        batch.reply(datagram, datagram.bytes)
        batch.reply(datagram, 'x'.repeat(65_507))
        assert.throws(() => batch.reply(datagram, 'x'.repeat(65_508)), { code: 'ERR_MILLRACE_BAD_VERDICT', message: 'reply: 65508 bytes do not fit into a datagram: at most 65507' })
        batch.reply(datagram, new Uint8Array(70_000))
      }
    }))
    assert.deepEqual(relay.tell({ bytes: 'y'.repeat(65_507) }), ['drop'])
    assert.deepEqual(relay.errors, ['reply: 70000 bytes do not fit into a datagram: at most 65507'])
    assert.deepEqual(relay.replies(), ['0 65507 × y arena', '0 65507 × x out'])
  })

  it('takes nothing but bytes and text', () => {
    const relay = fakeDatagrams(untyped((batch: DatagramBatch) => { for (const datagram of batch) call(batch.reply.bind(batch), datagram, [1, 2]) }))
    assert.deepEqual(relay.tell({}), ['drop'])
    assert.deepEqual(relay.errors, ['reply: expected a Uint8Array or a string, not an array'])
  })

  it('begins anew in every crossing', () => {
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) batch.reply(datagram, `re ${datagram.bytes.toString()}`) }), { outBytes: 16 })
    for (const bytes of ['first', 'second', 'third']) {
      relay.tell({ bytes })
      assert.deepEqual(relay.replies(), [`0 "re ${bytes}" out`])
    }
  })
})

describe('replies without room', () => {
  const answer = (text: string): Pipeline<'datagram'> => into((batch) => { for (const datagram of batch) batch.reply(datagram, `${text}${datagram.bytes.toString()}`) })

  it('in out are kept by the addon, with all that come later, so that their order stays', () => {
    const relay = fakeDatagrams(answer('0123456789'), { outBytes: 24 })
    relay.tell({ bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' }, { bytes: '' })
    assert.deepEqual(relay.replies(), ['0 "0123456789a" out', '1 "0123456789b" out', '2 "0123456789c" kept', '3 "0123456789" kept'])
    relay.tell({ bytes: 'd' })
    assert.deepEqual(relay.replies(), ['0 "0123456789d" out'])
  })

  it('among the replies too, whether they are own bytes or others', () => {
    const both = into((batch) => { for (const datagram of batch) { batch.reply(datagram, datagram.bytes); batch.reply(datagram, Buffer.from('other')) } })
    const relay = fakeDatagrams(both, { maxReplies: 3 })
    relay.tell({ bytes: 'a' }, { bytes: 'b' }, { bytes: 'c' })
    assert.deepEqual(relay.replies(), ['0 "a" arena', '0 "other" out', '1 "b" arena', '1 "other" kept', '2 "c" kept', '2 "other" kept'])
  })

  it('one that needs no room keeps its turn behind those that had none', () => {
    const relay = fakeDatagrams(into((batch) => { for (const datagram of batch) { batch.reply(datagram, Buffer.alloc(20, 'o')); batch.reply(datagram, datagram.bytes) } }), { outBytes: 16 })
    relay.tell({ bytes: 'a' })
    assert.deepEqual(relay.replies(), ['0 "oooooooooooooooooooo" kept', '0 "a" kept'])
  })
})
