/** The matcher `stunBinding`. */
import type { Kind, Matcher } from '../part.ts'

/**
 * Whether the datagram is a STUN Binding request, or the head begins with one (RFC 8489 section 5): so that one port answers STUN and relays the rest.
 * No at the first byte that differs.
 */
export function stunBinding(): Matcher<Kind> {
  return { role: 'matcher', name: 'stunBinding', shows: '', plan: { op: 'stunBinding' } }
}
