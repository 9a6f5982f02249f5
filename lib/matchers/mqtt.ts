/** The matcher `mqtt`. */
import type { Matcher } from '../part.ts'

/** Whether the head begins with a CONNECT packet of MQTT 3.1, 3.1.1 or 5. Decided by the name and the level of the protocol, within 14 bytes. */
export function mqtt(): Matcher<'stream'> {
  return { role: 'matcher', name: 'mqtt', shows: '', plan: { op: 'mqtt' } }
}
