/** A pipeline: a source, stages, a sink. */
import { chainOf, hasRole, refuse } from './chain.ts'
import type { Endpoint } from './endpoint.ts'
import { checkBoolean, checkInteger, checkNames, shown } from './options.ts'
import type { Chain, Kind, Pipeline, Source } from './part.ts'

export type { Matcher, Pipeline, Sink, Source, Stage } from './part.ts'

/** The options of `listen`. */
export type ListenOptions = {
  /** Sessions that may wait in the kernel to be accepted, 1 to 65535; default 511. See listen(2). */
  readonly backlog?: number
  /** Whether `[::]` takes IPv4 too; default true. See IPV6_V6ONLY in ipv6(7). */
  readonly dualStack?: boolean
}

/**
 * Where a pipeline's sessions come from: one endpoint or several of the same kind.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and, for no endpoint, ERR_MILLRACE_BAD_PIPELINE.
 */
export function listen<K extends Kind>(endpoints: Endpoint<K> | readonly Endpoint<K>[], options: ListenOptions = {}): Source<K> {
  checkNames('listen', options, ['backlog', 'dualStack'])
  const { backlog = 511, dualStack = true } = options
  checkInteger('listen', 'backlog', backlog, { least: 1, most: 65_535, unit: 'sessions' })
  checkBoolean('listen', 'dualStack', dualStack)
  const list = isList(endpoints) ? endpoints : [endpoints]
  const [first] = list
  if (first === undefined) throw refuse('listen', 'expected at least one endpoint')
  const wrong = list.find((endpoint) => !hasRole(endpoint, 'endpoint'))
  if (wrong !== undefined) throw refuse('listen', `expected an endpoint such as tcp("127.0.0.1:8080"), not ${shown(wrong)}`)
  return { role: 'source', kind: first.kind, listen: list.map((endpoint) => endpoint.at), backlog, dualStack }
}

/** `Array.isArray` that knows readonly arrays. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}

/**
 * Makes a pipeline: what `listen` accepts goes through the stages, in order, into the sink. Plain data; nothing is opened.
 * Throws ERR_MILLRACE_BAD_PIPELINE for a part that is misplaced.
 */
export function pipe<K extends Kind, const Parts extends readonly unknown[]>(source: Source<K>, ...parts: Chain<NoInfer<K>, Parts>): Pipeline<K> {
  if (!hasRole(source, 'source')) throw refuse('pipe', `expected listen(…) first, not ${shown(source)}`)
  return { role: 'pipeline', kind: source.kind, source, chain: chainOf('pipe', parts) }
}

/** Whether a value was made by `pipe`. */
export function isPipeline(value: unknown): value is Pipeline<'stream'> {
  return hasRole(value, 'pipeline') && typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'stream'
}
