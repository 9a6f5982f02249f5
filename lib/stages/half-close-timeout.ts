/** The stage `halfCloseTimeout`. */
import { checkMs, formatMs } from '../options.ts'
import type { Stage } from '../part.ts'

/**
 * Ends a half-closed session with `halfCloseTimeout` when no byte has moved for this long; without it after 60 s.
 * Milliseconds, 0 (never) to 2147483647. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function halfCloseTimeout(ms: number): Stage<'stream'> {
  checkMs('halfCloseTimeout', '', ms)
  return { role: 'stage', name: 'halfCloseTimeout', shows: formatMs(ms), body: { step: 'settings', settings: { halfCloseTimeoutMs: ms } } }
}
