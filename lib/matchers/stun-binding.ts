/** The matcher `stunBinding`. */
import type { Kind, Matcher } from '../part.ts'

/**
 * Whether the datagram is a STUN Binding request that `stun` answers, or the head begins with one (RFC 8489 section 5): so that one port answers STUN and
 * relays the rest. No for a request with USERNAME, MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256: those are the checks of ICE (RFC 8445), and only the media
 * server can answer them. No where `stun` would be silent, as with a wrong FINGERPRINT: that may be no STUN at all (RFC 8489 section 7). No as soon as the
 * bytes there decide it.
 *
 * What is answered here never reaches the flow of its peer: STUN keepalives do not put off the `idleTimeout` of media that is relayed beside them.
 */
export function stunBinding(): Matcher<Kind> {
  return { role: 'matcher', name: 'stunBinding', shows: '', plan: { op: 'stunBinding' } }
}
