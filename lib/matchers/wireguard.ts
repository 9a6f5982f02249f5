/** The matcher `wireguard`. */
import type { Matcher } from '../part.ts'

/** Whether the datagram has the type, the reserved zeros and the length of a WireGuard message, or at least 32 bytes of data: each of a tunnel is told by itself. */
export function wireguard(): Matcher<'datagram'> {
  return { role: 'matcher', name: 'wireguard', shows: '', plan: { op: 'wireguard' } }
}
