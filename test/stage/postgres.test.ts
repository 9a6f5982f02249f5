import { postgres } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

matcherCases(postgres(), [
  ['SSLRequest', Buffer.from('0000000804d2162f', 'hex'), 'yes'],
  ['GSSENCRequest', Buffer.from('0000000804d21630', 'hex'), 'yes'],
  ['CancelRequest', Buffer.from('0000001004d2162e0000000100000002', 'hex'), 'yes'],
  ['StartupMessage', Buffer.from('0000001400030000757365720070670000', 'hex'), 'yes'],
  ['7 bytes of one', Buffer.from('00000014000300', 'hex'), 'more'],
  ['protocol 2', Buffer.from('0000012800020000', 'hex'), 'no'],
  ['a request', 'GET / HTTP/1.1\r\n', 'no'],
])
