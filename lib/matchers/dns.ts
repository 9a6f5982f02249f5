/** The matcher `dns`. */
import type { Kind, Matcher } from '../part.ts'

/** Whether the datagram is a DNS query with one question (RFC 1035 section 4.1), or the head begins with one behind its length (RFC 7766 section 8). */
export function dns(): Matcher<Kind> {
  return { role: 'matcher', name: 'dns', shows: '', plan: { op: 'dns' } }
}
