/** The sink `echo`. */
import type { Kind, Sink } from '../part.ts'

/** Sends back what the downstream sends, natively (RFC 862). */
export function echo(): Sink<Kind> {
  return { role: 'sink', name: 'echo', shows: '', body: { step: 'echo' } }
}
