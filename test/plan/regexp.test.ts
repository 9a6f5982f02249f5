/** The programs of regular expressions: golden, and what they refuse, with its place. */
import assert from 'node:assert/strict'
import { regexp } from '../../lib/index.ts'
import { compileRegexp } from '../../lib/regexp-program.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

const badOption = 'ERR_MILLRACE_BAD_OPTION'
const bytesOf = (set: Uint8Array): number[] => Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => ((set[byte >> 3] ?? 0) >> (byte & 7)) & 1)

describe('regexp', () => {
  it('becomes a short program, with a set for each character or class that is another', () => {
    const { code, sets } = compileRegexp(/^a(b|c)*[^\0-\xfe]a/i, 1_024)
    const [set, split, jump, assertion, match] = [0, 1, 2, 3, 4]
    assert.deepEqual(code, [
      ...[assertion, 0, 0, set, 0, 0],
      ...[split, 3, 8, split, 4, 6, set, 1, 0, jump, 7, 0, set, 2, 0, jump, 2, 0],
      ...[set, 3, 0, set, 0, 0, match, 0, 0],
    ])
    assert.deepEqual(sets.map(bytesOf), [[0x41, 0x61], [0x42, 0x62], [0x43, 0x63], [0xff]])
  })

  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => call(regexp, 'GET'), 'regexp: expected a regular expression such as /^GET /, not "GET"'],
    [() => call(regexp, { source: 'a', flags: '' }), 'regexp: expected a regular expression such as /^GET /, not an object'],
    [() => regexp(/a/g), 'regexp: /a/g has the flag g, but only i, m and s have a meaning here'],
    [() => regexp(/\u{61}/u), 'regexp: /\\u{61}/u has the flag u, but only i, m and s have a meaning here'],
    [() => regexp(/a(?=b)/), 'regexp: /a(?=b)/ has a lookahead at place 1, (?=b), which is not supported'],
    [() => regexp(/(?<!x)a/), 'regexp: /(?<!x)a/ has a lookbehind at place 0, (?<!x), which is not supported'],
    [() => regexp(/(a)|\1/), 'regexp: /(a)|\\1/ has a back reference at place 4, \\1, which is not supported'],
    [() => regexp(/(?<n>a)\k<n>/), 'regexp: /(?<n>a)\\k<n>/ has a back reference at place 7, \\k<n>, which is not supported'],
    [() => regexp(/caf\u00e9|café/), 'regexp: /caf\\u00e9|café/ has "é" at place 13, which is no byte: in UTF-8 it is \\xc3\\xa9'],
    [() => regexp(/[a\u0100]/), 'regexp: /[a\\u0100]/ has \\u0100 at place 2, which is no byte: that is at most \\xff'],
    [() => regexp(/\u20ac/), 'regexp: /\\u20ac/ has \\u20ac at place 0, which is no byte: that is at most \\xff'],
    [() => regexp(/(?:a{1000}){5}/), 'regexp: /(?:a{1000}){5}/ becomes more than 4096 instructions, the most for maxBytes 1024: what is repeated a number of times is there so many times'],
    [() => regexp(/(?:(?:(?:a{9999}){9999}){9999}){9999,}/, { maxBytes: 16_383 }), 'regexp: /(?:(?:(?:a{9999}){9999}){9999}){9999,}/ becomes more than 256 instructions, the most for maxBytes 16383: what is repeated a number of times is there so many times'],
    [() => regexp(/a/, { maxBytes: 16_384 }), 'regexp: maxBytes must be an integer from 1 to 16383 bytes, not 16384'],
  ]
  for (const [act, message] of cases) it(`refuses: ${message}`, () => refused(act, badOption, message))

  it('refuses what is nested more deeply than can be read', () => {
    const deep = new RegExp(`${'(?:'.repeat(3_000)}a${')'.repeat(3_000)}`)
    assert.throws(() => regexp(deep), (error: Error) => /^regexp: \/\(\?:.*\.\.\.\/ (cannot be read: RangeError|becomes more than)/.test(error.message))
  })

  it('takes as many instructions as there may be, and shows the expression as it was written', () => {
    assert.equal(compileRegexp(/a{4095}/, 1_024).code.length, 3 * 4_096)
    assert.equal(regexp(/^a\/b/im).shows, '/^a\\/b/im')
    assert.equal(regexp(new RegExp('a'.repeat(70))).shows, `/${'a'.repeat(56)}...`)
  })
})
