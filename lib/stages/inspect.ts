/** The stage `inspect`. */
import type { InspectHandler } from '../handlers.ts'
import type { HeadOptions } from '../head.ts'
import { headOf, showHead } from '../head.ts'
import { checkFunction } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `inspect`. */
export type InspectOptions = HeadOptions

/**
 * Has a function look at the head of each session and answer at once with `pass()`, `more()`, `replace(…)` or `reject(…)`; after the
 * verdict the native pump takes over and no byte enters JS. The head is valid until the handler returns.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function inspect(handler: InspectHandler): Stage<'stream'>
export function inspect(options: InspectOptions, handler: InspectHandler): Stage<'stream'>
export function inspect(...given: readonly [InspectHandler] | readonly [InspectOptions, InspectHandler]): Stage<'stream'> {
  const [options, handler] = given.length === 2 ? given : [{}, given[0]]
  const head = headOf('inspect', options, { minBytes: 1, timeoutMs: 3_000 })
  checkFunction('inspect', 'the handler', handler)
  return { role: 'stage', name: 'inspect', shows: showHead(head), body: { step: 'inspect', head, handler } }
}
