/** The sink `discard`. */
import type { Kind, Sink } from '../part.ts'

/** Reads and drops what the downstream sends, natively (RFC 863). */
export function discard(): Sink<Kind> {
  return { role: 'sink', name: 'discard', shows: '', body: { step: 'discard' } }
}
