/** The notices that the addon tells, by its numbers. */
import type { GeneratorNotice, ListenerNotice } from './events.ts'
import { NoticeCode } from './native.ts'

export const noticeCodes = new Map<number, (ListenerNotice | GeneratorNotice)['code']>([
  [NoticeCode.paused, 'paused'],
  [NoticeCode.resumed, 'resumed'],
  [NoticeCode.acceptError, 'acceptError'],
  [NoticeCode.eventsLost, 'eventsLost'],
  [NoticeCode.generated, 'generated'],
  [NoticeCode.tableFull, 'tableFull'],
])
