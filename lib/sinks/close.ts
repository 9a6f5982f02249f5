/** The sink `close`. */
import type { Kind, Sink } from '../part.ts'

/**
 * Ends the session cleanly, with FIN and the reason `closedByPlan`; what the downstream still sends is read and dropped.
 * Datagrams are dropped (`policy`), and begin no flow.
 */
export function close(): Sink<Kind> {
  return { role: 'sink', name: 'close', shows: '', body: { step: 'close' } }
}
