import { httpHost } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

const request = (host: string, line = 'GET / HTTP/1.1'): string => `${line}\r\nAccept: */*\r\nHost: ${host}\r\n\r\n`

matcherCases(httpHost('A.example.', '*.b.example', '192.0.2.1', '[2001:DB8::1]', '::102:304'), [
  ['an IPv6 address with a form that C writes otherwise', request('[::102:304]'), 'yes'],
  ['the host', request('a.example'), 'yes'],
  ['the host in capitals, with its port', request('A.Example:8080'), 'yes'],
  ['a name under the star', request('x.b.example'), 'yes'],
  ['the IPv4 address', request('192.0.2.1:80'), 'yes'],
  ['the IPv6 address, written otherwise', request('[2001:db8:0::1]'), 'yes'],
  ['an absolute target', request('a.example:80', 'GET http://a.example/ HTTP/1.1'), 'yes'],
  ['an absolute target for another host than the field', request('c.example', 'GET http://a.example/ HTTP/1.1'), 'no'],
  ['another host', request('c.example'), 'no'],
  ['two names under the star', request('x.y.b.example'), 'no'],
  ['two hosts', request('a.example\r\nHost: a.example'), 'no'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', 'no'],
  ['a host that a folded line may change', request('a.example\r\n .evil.example'), 'no'],
  ['fields that have not ended', 'GET / HTTP/1.1\r\nHost: a.example\r\n', 'more'],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'no'],
])
