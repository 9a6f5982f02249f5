/** The matcher `tls`. */
import type { Matcher } from '../part.ts'

/**
 * Whether the head begins with a TLS ClientHello, with or without a server name (RFC 8446 section 4.1.2), spread over any number of segments and TLS records.
 * Decided when it is whole; no at the first byte that cannot be in one.
 */
export function tls(): Matcher<'stream'> {
  return { role: 'matcher', name: 'tls', shows: '', plan: { op: 'tls' } }
}
