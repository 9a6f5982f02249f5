/** The matcher `http`. */
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head begins with the request line of HTTP/1 (RFC 9112 section 3), or with the preface of HTTP/2, which a client sends without TLS where it knows
 * that it may (RFC 9113 section 3.3). `http(1)` and `http(2)`: only that. A method is 1 to 32 capital letters, hyphens and underscores, and the line ends
 * with CR and LF. A request to a proxy is one too: CONNECT, and a target with a host in it. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function http(version?: 1 | 2): Matcher<'stream'> {
  if (![undefined, 1, 2].includes(version)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'http', `the version must be 1 or 2, not ${shown(version)}`)
  return { role: 'matcher', name: 'http', shows: version === undefined ? '' : String(version), plan: { op: 'http', http1: version !== 2, http2: version !== 1 } }
}
