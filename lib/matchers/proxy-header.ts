/** The matcher `proxyHeader`. */
import type { Kind, Matcher } from '../part.ts'

/** Whether the head, or the datagram, begins like a header of the PROXY protocol, version 1 or 2. Whether it is one, and who may send one, is another question. */
export function proxyHeader(): Matcher<Kind> {
  return { role: 'matcher', name: 'proxyHeader', shows: '', plan: { op: 'proxyHeader' } }
}
