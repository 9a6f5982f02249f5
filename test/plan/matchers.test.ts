/** What matchers refuse, and what `explain` shows of them. */
import assert from 'node:assert/strict'
import { alpn, http, httpHost, httpPath, mysql, silent } from '../../lib/index.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

const [badOption, unknownOption] = ['ERR_MILLRACE_BAD_OPTION', 'ERR_MILLRACE_UNKNOWN_OPTION'] as const

describe('matchers of protocols', () => {
  const path = 'is not a path: expected a slash and what may stand in a path, as it is sent, with a star only at the end'
  const labels = 'expected labels of 1 to 63 letters, digits and hyphens, and no IP address'
  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => alpn(), 'alpn: expected at least one protocol such as "h2"'],
    [() => alpn('h2', ''), 'alpn: "" is not a protocol: expected 1 to 255 bytes such as "h2" or "http/1.1"'],
    [() => call(alpn, 2), 'alpn: 2 is not a protocol: expected 1 to 255 bytes such as "h2" or "http/1.1"'],
    [() => call(http, 3), 'http: the version must be 1 or 2, not 3'],
    [() => call(http, '1'), 'http: the version must be 1 or 2, not "1"'],
    [() => httpHost(), 'httpHost: expected at least one host such as "a.example" or "*.b.example"'],
    [() => httpHost('a.example:80'), `httpHost: "a.example:80" is not a name: ${labels}`],
    [() => httpHost('[::1'), `httpHost: "[::1" is not a name: ${labels}`],
    [() => httpHost('[192.0.2.1]'), `httpHost: "[192.0.2.1]" is not a name: ${labels}`],
    [() => httpHost('fe80::1%lo'), `httpHost: "fe80::1%lo" is not a name: ${labels}`],
    [() => call(httpHost, 80), 'httpHost: 80 is not a name: expected a string such as "a.example"'],
    [() => httpPath(), 'httpPath: expected at least one path such as "/api" or "/api/*"'],
    ...['', 'api', '/a*b', '/*/x', '/a b', '/a?x', '/ü'].map((bad) => [() => httpPath(bad), `httpPath: "${bad}" ${path}`] as const),
    [() => silent({ afterMs: 0 }), 'silent: afterMs must be an integer from 1 to 2500 ms, not 0'],
    [() => mysql({ afterMs: 2_501 }), 'mysql: afterMs must be an integer from 1 to 2500 ms, not 2501'],
  ]
  for (const [act, message] of cases) it(`refuse: ${message}`, () => refused(act, badOption, message))

  it('refuse unknown options', () => refused(() => call(mysql, { after: 1 }), unknownOption, 'mysql: unknown option "after": did you mean "afterMs"?'))

  it('show what they were given in its usual form', () => {
    assert.equal(httpHost('A.Example.', '*.b.example', '[2001:DB8:0::1]', '192.0.2.1').shows, 'a.example, *.b.example, 2001:db8::1, 192.0.2.1')
    assert.equal(httpPath('/', '/api/*').shows, '/, /api/*')
    assert.equal(alpn('h2', 'http/1.1').shows, 'h2, http/1.1')
    assert.deepEqual([http().shows, http(2).shows, mysql().shows], ['', '2', 'nothing for 300 ms'])
  })
})
