/** The stage `filterDatagrams`. */
import { misuse } from '../errors.ts'
import type { DatagramFilter } from '../handlers.ts'
import { checkFunction, checkNames } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `filterDatagrams`: at least one. */
export type FilterDatagramsOptions = {
  /** Sees what the downstream sends. */
  readonly toUpstream?: DatagramFilter
  /** Sees what the upstream sends. A `datagrams` sink has no upstream, and what it replies is not seen. */
  readonly toDownstream?: DatagramFilter
}

/**
 * Has functions see every datagram of a direction, a batch a call, and drop it, put other bytes in its place or answer it themselves;
 * the others go on, without a copy. A function alone is `toUpstream`. With several filters the order is that of the pipeline towards the
 * upstream and its reverse towards the downstream; what one has dropped the next does not see, and what it has replaced is seen replaced.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function filterDatagrams(filter: DatagramFilter | FilterDatagramsOptions): Stage<'datagram'> {
  const options = typeof filter === 'function' ? { toUpstream: filter } : filter
  checkNames('filterDatagrams', options, ['toUpstream', 'toDownstream'])
  const { toUpstream, toDownstream } = options
  if (toUpstream === undefined && toDownstream === undefined) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'filterDatagrams', 'expected a function or at least one of toUpstream, toDownstream')
  }
  if (toUpstream !== undefined) checkFunction('filterDatagrams', 'toUpstream', toUpstream)
  if (toDownstream !== undefined) checkFunction('filterDatagrams', 'toDownstream', toDownstream)
  return {
    role: 'stage',
    name: 'filterDatagrams',
    shows: [...(toUpstream === undefined ? [] : ['toUpstream']), ...(toDownstream === undefined ? [] : ['toDownstream'])].join(', '),
    body: { step: 'filterDatagrams', ...(toUpstream === undefined ? {} : { toUpstream }), ...(toDownstream === undefined ? {} : { toDownstream }) },
  }
}
