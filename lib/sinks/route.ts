/** The sink `route` and its branches. */
import { chainOf, checkMatcher, hasRole, refuse } from '../chain.ts'
import { shown } from '../options.ts'
import type { AnyMatcher, Branch, Branches, BranchesKind, Chain, Kind, KindAfter, KindOf, Matcher, Otherwise, Sink, When } from '../part.ts'
import { close } from './close.ts'

/** A branch of `route`: where sessions go that the matcher says yes to. Throws ERR_MILLRACE_BAD_PIPELINE for a misplaced part. */
export function when<M extends Kind, const Parts extends readonly unknown[]>(
  matcher: Matcher<M>,
  ...parts: Chain<KindAfter<NoInfer<M>, Parts>, Parts>
): When<KindAfter<M, Parts>> {
  return { role: 'when', matcher: checkMatcher('when', matcher), chain: chainOf('when', parts) }
}

/** The last branch of `route`: where all other sessions go. Throws ERR_MILLRACE_BAD_PIPELINE for a misplaced part. */
export function otherwise<const Parts extends readonly unknown[]>(...parts: Chain<KindOf<Parts>, Parts>): Otherwise<KindOf<Parts>> {
  return { role: 'otherwise', chain: chainOf('otherwise', parts) }
}

/**
 * Sends each session into the first branch whose matcher says yes, natively; a matcher that needs more bytes holds up those after it.
 * The head may be up to 16384 bytes and 3 s in coming. Each datagram goes by its own bytes, the first 16384, and none is held up.
 * Without `otherwise` the rest is closed.
 * Throws ERR_MILLRACE_BAD_PIPELINE.
 */
export function route<const Parts extends readonly unknown[]>(...branches: Branches<Parts>): Sink<BranchesKind<Parts>> {
  const list: readonly unknown[] = branches
  const when: { matcher: AnyMatcher; chain: Branch }[] = []
  let last: Branch = { stages: [], sink: close() }
  for (const [i, branch] of list.entries()) {
    if (isWhen(branch)) when.push({ matcher: branch.matcher, chain: branch.chain })
    else if (!isOtherwise(branch)) throw refuse('route', `expected when(…) or otherwise(…), not ${shown(branch)}`)
    else if (i + 1 < list.length) throw refuse('route', 'otherwise(…) must be the last branch')
    else last = branch.chain
  }
  if (list.length === 0) throw refuse('route', 'expected at least one branch')
  const shows = `${when.length} ${when.length === 1 ? 'matcher' : 'matchers'}`
  return { role: 'sink', name: 'route', shows, body: { step: 'route', when, otherwise: last } }
}

function isWhen(value: unknown): value is When<never> {
  return hasRole(value, 'when')
}

function isOtherwise(value: unknown): value is Otherwise<never> {
  return hasRole(value, 'otherwise')
}
