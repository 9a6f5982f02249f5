/** The sink `reset`. */
import type { Sink } from '../part.ts'

/** Ends the session with RST and the reason `resetByPlan`. */
export function reset(): Sink<'stream'> {
  return { role: 'sink', name: 'reset', shows: '', body: { step: 'reset' } }
}
