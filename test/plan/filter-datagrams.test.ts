/** `filterDatagrams`: what filters let through, drop, replace and answer, alone and one after the other. */
import assert from 'node:assert/strict'
import { datagrams, echo, filterDatagrams, forward, listen, pipe, udp } from '../../lib/index.ts'
import type { DatagramFilter, FilterBatch, Pipeline, Stage } from '../../lib/index.ts'
import { fakeDatagrams } from './fake-datagrams.ts'

const source = listen(udp('127.0.0.1:0'))
const to = forward(udp('127.0.0.1:1'))
const through = (...stages: readonly Stage<'datagram'>[]): Pipeline<'datagram'> => pipe(source, ...stages, to)
/** A filter that appends a letter to every datagram. */
const mark = (letter: string): DatagramFilter => (batch) => { for (const datagram of batch) batch.replace(datagram, `${datagram.bytes.toString()}${letter}`) }
/** One that does to a datagram what its first letter says. */
const obey: DatagramFilter = (batch) => {
  for (const datagram of batch) {
    const text = datagram.bytes.toString()
    if (text.startsWith('drop')) batch.drop(datagram)
    if (text.startsWith('replace')) batch.replace(datagram, `other than ${text}`)
    if (text.startsWith('reply')) batch.reply(datagram, `to ${text}`)
    if (text.startsWith('throw')) throw new Error('boom')
  }
}

describe('a filter', () => {
  it('says of every datagram what becomes of it, and lets the others go on', () => {
    const relay = fakeDatagrams(through(filterDatagrams(obey)))
    const batch = ['pass', 'drop', 'replace', 'reply', 'throw', 'pass'].map((bytes) => ({ bytes }))
    assert.deepEqual(relay.tell(...batch), ['pass', 'drop', 'replaced "other than replace"', 'answered', 'drop', 'pass'])
    assert.deepEqual(relay.replies(), ['3 "to reply" out'])
    assert.deepEqual(relay.errors, ['boom'])
  })

  it('sees its own direction only', () => {
    const relay = fakeDatagrams(through(filterDatagrams({ toUpstream: mark('u') }), filterDatagrams({ toDownstream: mark('d') })))
    assert.deepEqual(relay.tell({ bytes: 'a' }, { bytes: 'b', direction: 'toDownstream' }), ['replaced "au"', 'replaced "bd"'])
  })

  const last: readonly (readonly [name: string, act: (batch: FilterBatch) => undefined, verdict: string])[] = [
    ['drop after replace', (batch) => { for (const one of batch) { batch.replace(one, 'x'); batch.drop(one) } }, 'drop'],
    ['replace after drop', (batch) => { for (const one of batch) { batch.drop(one); batch.replace(one, 'x') } }, 'replaced "x"'],
    ['replace after replace', (batch) => { for (const one of batch) { batch.replace(one, 'x'); batch.replace(one, 'yz') } }, 'replaced "yz"'],
    ['reply after replace', (batch) => { for (const one of batch) { batch.replace(one, 'x'); batch.reply(one, 'y') } }, 'answered'],
    ['replace after reply', (batch) => { for (const one of batch) { batch.reply(one, 'y'); batch.replace(one, 'x') } }, 'replaced "x"'],
    ['drop in a second loop', (batch) => { for (const one of batch) batch.replace(one, 'x'); for (const one of batch) batch.drop(one) }, 'drop'],
  ]
  for (const [name, act, verdict] of last) it(`${name}: the last verdict counts`, () => assert.deepEqual(fakeDatagrams(through(filterDatagrams(act))).tell({ bytes: 'a' }), [verdict]))

  it('may replace by a part of the own bytes, or by none', () => {
    const cut = filterDatagrams((batch) => { for (const datagram of batch) batch.replace(datagram, datagram.bytes.subarray(1)) })
    assert.deepEqual(fakeDatagrams(through(cut)).tell({ bytes: 'abc' }, { bytes: 'a' }), ['replaced "bc"', 'replaced ""'])
  })

  it('replaces by nothing that is too long', () => {
    const relay = fakeDatagrams(through(filterDatagrams((batch) => { for (const datagram of batch) batch.replace(datagram, 'x'.repeat(65_507 + datagram.length)) })))
    assert.deepEqual(relay.tell({ bytes: '' }, { bytes: 'a' }), ['replaced 65507 × x', 'drop'])
    assert.deepEqual(relay.errors, ['replace: 65508 bytes do not fit into a datagram: at most 65507'])
  })

  it('answers a datagram of the upstream too', () => {
    const relay = fakeDatagrams(through(filterDatagrams({ toDownstream: (batch) => { for (const datagram of batch) batch.reply(datagram, datagram.bytes) } })))
    assert.deepEqual(relay.tell({ bytes: 'a', direction: 'toDownstream' }), ['answered'])
    assert.deepEqual(relay.replies(), ['0 "a" arena'])
  })

  it('has a batch that is over when it has returned', () => {
    let kept: FilterBatch | undefined
    const relay = fakeDatagrams(through(filterDatagrams((batch) => {
      for (const datagram of batch) {
        const before = kept
        if (before !== undefined) for (const name of ['drop', 'replace', 'reply'] as const) assert.throws(() => before[name](datagram, 'x'), { message: `${name}: this batch is over: its datagrams can be answered only until the handler returns` })
      }
      kept = batch
    })))
    relay.tell({})
    assert.deepEqual(relay.tell({}), ['pass'])
    assert.deepEqual(relay.errors, [])
  })
})

describe('what replaces a datagram and has no room', () => {
  it('is kept by the addon, once, as the last filter left it', () => {
    const shout = filterDatagrams((batch) => { for (const { bytes } of batch) bytes.set(Buffer.from(bytes.toString().toUpperCase())) })
    const relay = fakeDatagrams(through(filterDatagrams(mark('aaaaaaaaaaaa')), shout), { outBytes: 16 })
    assert.deepEqual(relay.tell({ bytes: '0' }, { bytes: '1' }, { bytes: '2' }), ['replaced "0AAAAAAAAAAAA"', 'replaced late "1AAAAAAAAAAAA"', 'replaced late "2AAAAAAAAAAAA"'])
  })

  it('is seen by the next filter with its length, and need not be kept where that has something shorter', () => {
    const lengths: number[] = []
    const shorten = filterDatagrams((batch) => { for (const datagram of batch) { lengths.push(datagram.length); batch.replace(datagram, datagram.bytes.subarray(0, 2)) } })
    const relay = fakeDatagrams(through(filterDatagrams(mark('aaaaaaaaaaaaaaaaaaaa')), shorten), { outBytes: 16 })
    assert.deepEqual(relay.tell({ bytes: '0' }), ['replaced "0a"'])
    assert.deepEqual(lengths, [21])
  })

  it('can be replied with', () => {
    const reply = filterDatagrams((batch) => { for (const datagram of batch) batch.reply(datagram, datagram.bytes) })
    const relay = fakeDatagrams(through(filterDatagrams(mark('aaaaaaaaaaaaaaaaaaaa')), reply), { outBytes: 16 })
    assert.deepEqual(relay.tell({ bytes: '0' }), ['answered'])
    assert.deepEqual(relay.replies(), ['0 "0aaaaaaaaaaaaaaaaaaaa" kept'])
  })
})

describe('several filters', () => {
  it('come in their order towards the upstream and in reverse towards the downstream', () => {
    const relay = fakeDatagrams(through(...['a', 'b'].map((letter) => filterDatagrams({ toUpstream: mark(letter), toDownstream: mark(letter) }))))
    assert.deepEqual(relay.tell({ bytes: '>' }, { bytes: '<', direction: 'toDownstream' }), ['replaced ">ab"', 'replaced "<ba"'])
  })

  it('see no longer what one before has dropped or answered, and may drop all', () => {
    const seen: string[] = []
    const look = filterDatagrams((batch) => { for (const { bytes } of batch) seen.push(bytes.toString()) })
    const relay = fakeDatagrams(through(filterDatagrams(obey), look, filterDatagrams((batch) => { for (const one of batch) batch.drop(one) }), look))
    assert.deepEqual(relay.tell({ bytes: 'drop' }, { bytes: 'a' }, { bytes: 'reply' }, { bytes: 'replace' }, { bytes: 'throw' }, { bytes: 'b' }), ['drop', 'drop', 'answered', 'drop', 'drop', 'drop'])
    assert.deepEqual(seen, ['a', 'other than replace', 'b'])
  })

  it('see what was changed in place', () => {
    const shout = filterDatagrams((batch) => { for (const { bytes } of batch) bytes.fill('X') })
    for (const debug of [false, true]) {
      const relay = fakeDatagrams(through(shout, filterDatagrams(mark('!'))), { debug })
      assert.deepEqual(relay.tell({ bytes: 'abc' }), ['replaced "XXX!"'])
    }
  })

  it('may reply with what one before has replaced, without a copy', () => {
    const reply = filterDatagrams((batch) => { for (const datagram of batch) { batch.reply(datagram, datagram.bytes); batch.reply(datagram, datagram.bytes.subarray(1)) } })
    const relay = fakeDatagrams(through(filterDatagrams(mark('!')), reply), { outBytes: 4 })
    assert.deepEqual(relay.tell({ bytes: 'abc' }), ['answered'])
    assert.deepEqual(relay.replies(), ['0 "abc!" out', '0 "bc!" out'])
  })

  it('go both ways at once in front of an echo', () => {
    const filter = filterDatagrams({ toUpstream: mark('u'), toDownstream: mark('d') })
    assert.deepEqual(fakeDatagrams(pipe(source, filter, echo())).tell({ bytes: 'a' }), ['replaced "aud"'])
  })

  it('come before a sink in JS, which consumes what they leave', () => {
    const seen: string[] = []
    const sink = datagrams((batch) => {
      for (const datagram of batch) {
        seen.push(datagram.bytes.toString())
        batch.reply(datagram, datagram.bytes)
        if (datagram.bytes[0] === 116) throw new Error('boom')
      }
    })
    const relay = fakeDatagrams(pipe(source, filterDatagrams({ toUpstream: obey, toDownstream: mark('never') }), sink), { outBytes: 64 })
    assert.deepEqual(relay.tell({ bytes: 'a' }, { bytes: 'drop' }, { bytes: 'replace' }, { bytes: 'reply' }, { bytes: `replace ${'x'.repeat(20)}` }), ['pass', 'drop', 'pass', 'answered', 'pass'])
    assert.deepEqual(seen, ['a', 'other than replace', `other than replace ${'x'.repeat(20)}`])
    assert.equal(relay.replies().length, 4)
  })
})
