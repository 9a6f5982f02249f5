/** Answers to questions for SRV records, well made and not. */
import assert from 'node:assert/strict'
import { questionFor, readAnswer } from '../../lib/upstreams/service-query.ts'
import { random, seed } from '../support/seeded.ts'

const [id, service] = [0x1234, '_app._tcp.a.example']

/** The question as an answer, with these records behind it. */
function answer(records: readonly Buffer[], flags = 0x8180): Buffer {
  const question = questionFor(service, id).subarray(0, -11)
  const head = Buffer.from(question)
  head.writeUInt16BE(flags, 2)
  head.writeUInt16BE(records.length, 6)
  head.writeUInt16BE(0, 10)
  return Buffer.concat([head, ...records])
}

/** A record whose name is the question's, by a pointer. */
function record(type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.from('c00c0000000100000000' + '0000', 'hex')
  head.writeUInt16BE(type, 2)
  head.writeUInt32BE(ttl, 6)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}

function srvData(priority: number, weight: number, port: number, target: Buffer): Buffer {
  const head = Buffer.alloc(6)
  for (const [i, value] of [priority, weight, port].entries()) head.writeUInt16BE(value, 2 * i)
  return Buffer.concat([head, target])
}

// `b` and then what stands at the place of "a.example" in the question.
const target = Buffer.from([1, 0x62, 0xc0, 12 + 5 + 5])
const good = answer([record(5, 60, Buffer.from([0xc0, 12])), record(33, 300, srvData(1, 2, 8080, target)), record(33, 20, srvData(0, 0, 80, Buffer.from('0378787900', 'hex')))])

describe('a question for a service', () => {
  it('is one question with recursion and room for a large answer', () => {
    const question = questionFor(service, id)
    assert.equal(question.toString('hex'), '123401000001000000000001' + '045f617070045f7463700161076578616d706c6500' + '00210001' + '00002904d0000000000000')
  })

  it('is answered with records, their names compressed or not, and their TTL', () => {
    assert.deepEqual(readAnswer(good, id, service), [
      { name: 'b.a.example', port: 8080, priority: 1, weight: 2, ttl: 300 },
      { name: 'xxy', port: 80, priority: 0, weight: 0, ttl: 20 },
    ])
    assert.deepEqual(readAnswer(answer([]), id, service), [])
  })

  it('takes nothing for its answer that belongs to another', () => {
    assert.equal(readAnswer(good, id + 1, service), 'another')
    assert.equal(readAnswer(good, id, '_other._tcp.a.example'), 'another')
    assert.equal(readAnswer(questionFor(service, id), id, service), 'another')
  })

  it('has no answer where that is cut short, refused, or not made as it should be', () => {
    assert.equal(readAnswer(answer([], 0x8380), id, service), undefined)
    assert.equal(readAnswer(answer([], 0x8183), id, service), undefined)
    assert.equal(readAnswer(answer([record(33, 1, srvData(1, 1, 1, Buffer.from([0xc0, 12 + 21 + 4 + 12 + 6])))]), id, service), undefined, 'a name that points to itself')
    for (let length = 0; length < good.length; length++) {
      const said = readAnswer(good.subarray(0, length), id, service)
      assert.ok(said === undefined || said === 'another', `${length} of ${good.length} bytes`)
    }
  })

  it('is never more than an answer, whatever comes', () => {
    const chance = random(seed())
    for (let i = 0; i < 20_000; i++) {
      const bytes = Buffer.from(good)
      for (let changes = chance.below(6); changes >= 0; changes--) bytes[2 + chance.below(bytes.length - 2)] = chance.below(256)
      readAnswer(bytes, id, service)
    }
  })
})
