/** The stage `idleTimeout`. */
import { checkMs, formatMs } from '../options.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Ends a session with `idleTimeout` when no byte has moved in either direction for this long; without it after 1 h.
 * Milliseconds, 0 (never) to 2147483647. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function idleTimeout(ms: number): Stage<Kind> {
  checkMs('idleTimeout', '', ms)
  return { role: 'stage', name: 'idleTimeout', shows: formatMs(ms), body: { step: 'settings', settings: { idleTimeoutMs: ms } } }
}
