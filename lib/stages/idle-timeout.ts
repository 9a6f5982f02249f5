/** The stage `idleTimeout`. */
import { checkMs, formatMs } from '../options.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Ends a session with `idleTimeout` when nothing has moved in either direction for this long; without it a stream after 1 h and a
 * flow of datagrams after 60 s.
 * Milliseconds, 0 (never) to 2147483647. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function idleTimeout(ms: number): Stage<Kind> {
  checkMs('idleTimeout', '', ms)
  return { role: 'stage', name: 'idleTimeout', shows: formatMs(ms), body: { step: 'settings', settings: { idleTimeoutMs: ms } } }
}
