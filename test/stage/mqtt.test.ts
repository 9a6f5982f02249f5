import { mqtt } from '../../lib/index.ts'
import { matcherCases } from '../support/matcher-cases.ts'

matcherCases(mqtt(), [
  ['CONNECT of 3.1.1', Buffer.from('100c00044d5154540402003c0000', 'hex'), 'yes'],
  ['CONNECT of 5', Buffer.from('100d00044d5154540502003c000000', 'hex'), 'yes'],
  ['CONNECT of 3.1', Buffer.from('100f00064d51497364700302003c000161', 'hex'), 'yes'],
  ['the beginning of one', Buffer.from('100c00044d51', 'hex'), 'more'],
  ['a level that is not known', Buffer.from('100c00044d5154540602003c0000', 'hex'), 'no'],
  ['PINGREQ', Buffer.from('c000', 'hex'), 'no'],
])
