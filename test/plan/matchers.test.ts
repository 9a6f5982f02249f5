/** What matchers refuse, and what `explain` shows of them. */
import assert from 'node:assert/strict'
import { alpn, any, dns, http, httpHost, httpPath, mysql, not, quic, silent } from '../../lib/index.ts'
import { refused } from './refused.ts'
import { call } from './untyped.ts'

const [badOption, unknownOption] = ['ERR_MILLRACE_BAD_OPTION', 'ERR_MILLRACE_UNKNOWN_OPTION'] as const

describe('matchers of protocols', () => {
  const path = 'is not a path: expected a slash and what may stand in a path, as it is sent, with a star only at the end'
  const labels = 'expected labels of 1 to 63 letters, digits and hyphens, and no port or scheme, or an IP address'
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
    [() => quic({ versions: [] }), 'quic: versions must be an array of 1 to 64 numbers such as [1, 0x6b3343cf], not an array'],
    [() => call(quic, { versions: 1 }), 'quic: versions must be an array of 1 to 64 numbers such as [1, 0x6b3343cf], not 1'],
    [() => quic({ versions: [0] }), 'quic: versions: a version must be an integer from 1 to 4294967295, not 0'],
    [() => mysql({ afterMs: 2_501 }), 'mysql: afterMs must be an integer from 1 to 2500 ms, not 2501'],
  ]
  for (const [act, message] of cases) it(`refuse: ${message}`, () => refused(act, badOption, message))

  it('refuse unknown options', () => refused(() => call(mysql, { after: 1 }), unknownOption, 'mysql: unknown option "after": did you mean "afterMs"?'))

  it('refuse quic in not, however deep: what follows an Initial would be no QUIC there', () => {
    const message = 'not: quic knows only how a flow begins, so all that follows would be "not quic": put when(quic(), …) before the branch for the rest'
    for (const matcher of [quic(), any(dns(), any(quic(), dns()))]) refused(() => not(matcher), 'ERR_MILLRACE_BAD_PIPELINE', message)
  })

  it('show what they were given in its usual form', () => {
    assert.equal(httpHost('A.Example.', '*.b.example', '[2001:DB8:0::1]', '192.0.2.1').shows, 'a.example, *.b.example, 2001:db8::1, 192.0.2.1')
    assert.equal(httpPath('/', '/api/*').shows, '/, /api/*')
    assert.equal(alpn('h2', 'http/1.1').shows, 'h2, http/1.1')
    assert.deepEqual([http().shows, http(2).shows, mysql().shows], ['', '2', 'nothing for 300 ms'])
    assert.deepEqual([quic().shows, quic({ versions: [1, 0x6b3343cf, 0xff00001d] }).shows], ['', '1, 2, 0xff00001d'])
  })
})
