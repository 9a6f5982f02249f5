/** Verdicts and what makes them. */
import assert from 'node:assert/strict'
import { encode, more, pass, reject, replace, startsWith } from '../../lib/index.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

describe('verdicts', () => {
  it('pass and more are made once', () => {
    assert.equal(pass(), pass())
    assert.equal(more(), more())
  })

  it('replace and reject take bytes or text', () => {
    assert.deepEqual(replace(3, 'hé'), { verdict: 'replace', consumedBytes: 3, bytes: Buffer.from([0x68, 0xc3, 0xa9]) })
    assert.deepEqual(replace(0, Uint8Array.of(1)), { verdict: 'replace', consumedBytes: 0, bytes: Uint8Array.of(1) })
    assert.deepEqual(reject(), { verdict: 'reject', message: undefined, reply: undefined })
    assert.deepEqual(reject('no', '500\n'), { verdict: 'reject', message: 'no', reply: Buffer.from('500\n') })
  })

  it('replace refuses what is no number of bytes, and no bytes', () => {
    for (const [value, shown] of [[-1, '-1'], [1.5, '1.5'], [Number.NaN, 'NaN'], [2 ** 53, '9007199254740992']] as const) {
      refused(() => replace(value, ''), 'ERR_MILLRACE_BAD_VERDICT', `replace: consumedBytes must be an integer of at least 0, not ${shown}`)
    }
    refused(() => call(replace, 1, 5), 'ERR_MILLRACE_BAD_OPTION', 'replace: bytes must be a Uint8Array or a string, not 5')
    refused(() => call(reject, 'no', 5), 'ERR_MILLRACE_BAD_OPTION', 'reject: reply must be a Uint8Array or a string, not 5')
  })
})

describe('startsWith', () => {
  it('compares bytes and says no to what is shorter', () => {
    assert.equal(startsWith(encode('HELO me'), 'HELO '), true)
    assert.equal(startsWith(encode('HEL'), 'HELO '), false)
    assert.equal(startsWith(encode('EHLO me'), encode('HELO')), false)
    assert.equal(startsWith(encode(''), ''), true)
    assert.equal(startsWith(Uint8Array.of(0xc3, 0xa9, 1), 'é'), true)
  })
})
