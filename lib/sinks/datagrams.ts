/** The sink `datagrams`. */
import type { DatagramHandler } from '../handlers.ts'
import { checkFunction } from '../options.ts'
import type { Sink } from '../part.ts'

/**
 * A TypeScript endpoint for datagrams: a function is called with all that a turn has brought, and answers as many of them as it likes,
 * as often as it likes, before it returns. Each peer is a flow, which ends by its idle timeout. Throws ERR_MILLRACE_BAD_OPTION.
 */
export function datagrams(handler: DatagramHandler): Sink<'datagram'> {
  checkFunction('datagrams', 'the handler', handler)
  return { role: 'sink', name: 'datagrams', shows: '', body: { step: 'datagrams', handler } }
}
