/** The stage `transform`. */
import { misuse } from '../errors.ts'
import type { ChunkHandler } from '../handlers.ts'
import { checkFunction, checkNames } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `transform`: at least one. */
export type TransformOptions = {
  /** Sees what the downstream sends. */
  readonly toUpstream?: ChunkHandler
  /** Sees what the upstream sends. */
  readonly toDownstream?: ChunkHandler
}

/**
 * Has functions see every chunk of a direction and answer what goes on instead: the same chunk (changed in place or not) without a copy,
 * other bytes, or null for none. A chunk is valid until the function returns and is cut anywhere. With several transforms the order is
 * that of the pipeline towards the upstream and its reverse towards the downstream.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function transform(options: TransformOptions): Stage<'stream'> {
  checkNames('transform', options, ['toUpstream', 'toDownstream'])
  const { toUpstream, toDownstream } = options
  if (toUpstream === undefined && toDownstream === undefined) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'transform', 'expected at least one of toUpstream, toDownstream')
  }
  if (toUpstream !== undefined) checkFunction('transform', 'toUpstream', toUpstream)
  if (toDownstream !== undefined) checkFunction('transform', 'toDownstream', toDownstream)
  return {
    role: 'stage',
    name: 'transform',
    shows: [...(toUpstream === undefined ? [] : ['toUpstream']), ...(toDownstream === undefined ? [] : ['toDownstream'])].join(', '),
    body: { step: 'transform', ...(toUpstream === undefined ? {} : { toUpstream }), ...(toDownstream === undefined ? {} : { toDownstream }) },
  }
}
