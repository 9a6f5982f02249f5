/** The matcher `wireguard`. */
import type { Matcher } from '../part.ts'

/** Whether the datagram has the type, the reserved zeros and the length of a WireGuard message, each of a tunnel by itself. */
export function wireguard(): Matcher<'datagram'> {
  return { role: 'matcher', name: 'wireguard', shows: '', plan: { op: 'wireguard' } }
}
