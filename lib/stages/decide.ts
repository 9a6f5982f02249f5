/** The stage `decide`. */
import type { DecideHandler } from '../handlers.ts'
import type { HeadOptions } from '../head.ts'
import { headOf, showHead } from '../head.ts'
import { checkFunction } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `decide`. */
export type DecideOptions = HeadOptions

/**
 * Has a function decide about each session, at once or by a promise, from a copy of its head; by default it is called when the
 * session is accepted, with no bytes. The signal is aborted when the session ends before the answer, which then counts for nothing.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function decide(handler: DecideHandler): Stage<'stream'>
export function decide(options: DecideOptions, handler: DecideHandler): Stage<'stream'>
export function decide(...given: readonly [DecideHandler] | readonly [DecideOptions, DecideHandler]): Stage<'stream'> {
  const [options, handler] = given.length === 2 ? given : [{}, given[0]]
  const head = headOf('decide', options, { minBytes: 0, timeoutMs: 5_000 })
  checkFunction('decide', 'the handler', handler)
  return { role: 'stage', name: 'decide', shows: showHead(head), body: { step: 'decide', head, handler } }
}
