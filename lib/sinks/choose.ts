/** The sink `choose`. */
import { chainOf, refuse } from '../chain.ts'
import type { ChooseHandler } from '../handlers.ts'
import type { HeadOptions } from '../head.ts'
import { headOf, showHead } from '../head.ts'
import { checkFunction, checkObject } from '../options.ts'
import type { Sink, Stage } from '../part.ts'

/** Where a name leads: a sink, or stages and a sink. */
export type ChooseBranch = Sink<'stream'> | readonly [...Stage<'stream'>[], Sink<'stream'>]

/** The options of `choose`. */
export type ChooseOptions = HeadOptions

/**
 * Has a function name the branch for each session, at once or by a promise, from a copy of its head; by default it is called when the session
 * is accepted, with no bytes. A name that no branch has ends the session with `handlerError`.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and ERR_MILLRACE_BAD_PIPELINE.
 */
export function choose<const B extends Readonly<Record<string, ChooseBranch>>>(branches: B, handler: ChooseHandler<NoInfer<keyof B & string>>): Sink<'stream'>
export function choose<const B extends Readonly<Record<string, ChooseBranch>>>(
  branches: B,
  options: ChooseOptions,
  handler: ChooseHandler<NoInfer<keyof B & string>>,
): Sink<'stream'>
export function choose(
  branches: Readonly<Record<string, ChooseBranch>>,
  ...given: readonly [ChooseHandler<string>] | readonly [ChooseOptions, ChooseHandler<string>]
): Sink<'stream'> {
  const [options, handler] = given.length === 2 ? given : [{}, given[0]]
  const head = headOf('choose', options, { minBytes: 0, timeoutMs: 5_000 })
  checkFunction('choose', 'the handler', handler)
  checkObject('choose', 'branches', branches)
  const list = Object.entries(branches).map(([name, branch]) => ({ name, chain: chainOf(`choose: ${name}`, isList(branch) ? branch : [branch]) }))
  if (list.length === 0) throw refuse('choose', 'expected at least one branch')
  return { role: 'sink', name: 'choose', shows: showHead(head), body: { step: 'choose', branches: list, head, handler } }
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}
