/** The matcher `mysql`. */
import type { Matcher } from '../part.ts'
import { silentAs } from './silent.ts'
import type { SilentOptions } from './silent.ts'

/**
 * Whether the downstream may be a client of MySQL or MariaDB: the server speaks first there, so all that is known of it is that it says nothing. The same as
 * `silent`, which see. Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function mysql(options: SilentOptions = {}): Matcher<'stream'> {
  return silentAs('mysql', options)
}
