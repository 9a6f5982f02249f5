/** One chunk through the transforms of a direction. */
import { misuse } from './errors.ts'
import type { ChunkHandler } from './handlers.ts'
import { shown } from './options.ts'
import type { Session } from './session.ts'

/** What goes on instead of the chunk: the chunk itself where no handler has answered anything else, null or no bytes for nothing. */
export function runChunk(handlers: readonly ChunkHandler[], chunk: Buffer, session: Session): Buffer | null {
  let current = chunk
  for (const handler of handlers) {
    const next = handler(current, session)
    if (next === current) continue
    if (next === null || (next instanceof Uint8Array && next.length === 0)) return null
    if (!(next instanceof Uint8Array)) throw misuse('ERR_MILLRACE_BAD_VERDICT', 'transform', `expected a Uint8Array or null, not ${shown(next)}`)
    current = asBuffer(next)
  }
  return current
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
