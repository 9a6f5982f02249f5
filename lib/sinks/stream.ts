/** The sink `stream`. */
import type { StreamHandlers, StreamSource } from '../handlers.ts'
import { checkFunction, checkNames } from '../options.ts'
import type { Sink } from '../part.ts'

const names = ['open', 'data', 'end', 'drain', 'close']

/**
 * A TypeScript endpoint: the downstream talks to these handlers. They are either for all sessions, or a function makes those of one
 * when it begins, which is where the state of a session finds its place. Handlers return nothing, so an `async` one is refused.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function stream(source: StreamSource): Sink<'stream'> {
  if (typeof source !== 'function') checkHandlers(source)
  return { role: 'sink', name: 'stream', shows: '', body: { step: 'stream', source } }
}

/** Refuses what is no set of handlers; also for those that a function has made. */
export function checkHandlers(handlers: StreamHandlers): StreamHandlers {
  checkNames('stream', handlers, names, 'handlers')
  checkFunction('stream', 'data', handlers.data)
  for (const name of ['open', 'end', 'drain', 'close'] as const) {
    if (handlers[name] !== undefined) checkFunction('stream', name, handlers[name])
  }
  return handlers
}
