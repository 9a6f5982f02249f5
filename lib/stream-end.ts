/** The JS end of a session whose sink is `stream`. */
import { asBuffer, runChunk } from './chunk.ts'
import type { CompiledNode } from './compile.ts'
import type { RelaySession, StreamEnd } from './session.ts'
import { checkHandlers } from './sinks/stream.ts'

const asTheyAre: StreamEnd['encode'] = (bytes) => bytes

/** Gives the session its handlers and opens it. Throws what they throw. */
export function beginStream(session: RelaySession, node: CompiledNode): void {
  const { stream: source, toDownstream, highWaterBytes } = node
  if (source === undefined) throw new Error(`no stream handlers for ${node.path}`)
  const encode: StreamEnd['encode'] = toDownstream.length === 0 ? asTheyAre : (bytes, of) => runChunk(toDownstream, asBuffer(bytes), of)
  // A source that writes while it makes the handlers has them from then on.
  session.stream = { handlers: noHandlers, highWaterBytes, encode }
  const handlers = typeof source === 'function' ? checkHandlers(source(session)) : source
  session.stream = { handlers, highWaterBytes, encode }
  if (!session.over) handlers.open?.(session)
}

const noHandlers: StreamEnd['handlers'] = { data: () => undefined }
