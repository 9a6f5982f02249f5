/** The matcher `silent`. */
import { checkInteger, checkNames } from '../options.ts'
import type { Matcher } from '../part.ts'

/** The options of `silent` and `mysql`. */
export type SilentOptions = {
  /** Milliseconds without a byte, from when the `route` is reached, 1 to 2500; default 300. */
  readonly afterMs?: number
}

/**
 * Whether the downstream has sent nothing for `afterMs`, as the clients of all protocols in which the server speaks first: MySQL, SMTP, FTP, IMAP. Decides, when that time is
 * over, before all matchers of the same `route` that wait for bytes, wherever it stands, alone or in `any`; the first byte, or the end, makes it no. In `not` no time is
 * waited for: that is yes with the first byte. Those clients are kept waiting for so long.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function silent(options: SilentOptions = {}): Matcher<'stream'> {
  return silentAs('silent', options)
}

/** Either of them. */
export function silentAs(name: string, options: SilentOptions): Matcher<'stream'> {
  checkNames(name, options, ['afterMs'])
  const { afterMs = 300 } = options
  checkInteger(name, 'afterMs', afterMs, { least: 1, most: 2_500, unit: 'ms' })
  return { role: 'matcher', name, shows: `nothing for ${afterMs} ms`, plan: { op: 'silent', afterMs } }
}
