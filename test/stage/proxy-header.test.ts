import { proxyHeader } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

matcherCases(proxyHeader(), [
  ['version 1', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n', 'yes'],
  ['version 2', Buffer.from('0d0a0d0a000d0a515549540a2111000c', 'hex'), 'yes'],
  ['the beginning of version 2', Buffer.from('0d0a0d0a000d0a5155', 'hex'), 'more'],
  ['a request', 'POST / HTTP/1.1\r\n', 'no'],
  ['empty lines', '\r\n\r\n\r\n', 'no'],
])
