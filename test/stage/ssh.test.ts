import { ssh } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

matcherCases(ssh(), [
  ['an identification', 'SSH-2.0-OpenSSH_9.2p1 Debian\r\n', 'yes'],
  ['the beginning of one', 'SSH-', 'more'],
  ['a request', 'GET / HTTP/1.1\r\n', 'no'],
])
