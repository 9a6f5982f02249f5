import { tls } from '../../lib/index.ts'
import { clientHello, inRecordsOf } from '../support/client-hello.ts'
import { matcherCases } from '../support/matcher-cases.ts'

const hello = clientHello('a.example')

matcherCases(tls(), [
  ['a ClientHello', hello, 'yes'],
  ['one in small records', inRecordsOf(50, hello), 'yes'],
  ['half of one', hello.subarray(0, 60), 'more'],
  ['a request', 'GET / HTTP/1.1\r\n', 'no'],
  ['an alert', Buffer.from('15030100020228', 'hex'), 'no'],
])
