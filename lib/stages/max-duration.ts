/** The stage `maxDuration`. */
import { checkMs, formatMs } from '../options.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Resets a session with the reason `maxDuration` this long after it was accepted, whatever it does, so that what is cut off does not look
 * complete; a flow of datagrams just ends. Without it never.
 * Milliseconds, 0 (never) to 2147483647. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function maxDuration(ms: number): Stage<Kind> {
  checkMs('maxDuration', '', ms)
  return { role: 'stage', name: 'maxDuration', shows: formatMs(ms), body: { step: 'settings', settings: { maxDurationMs: ms } } }
}
