/** The matcher `not`. */
import { checkMatcher, refuse } from '../chain.ts'
import type { Kind, Matcher } from '../part.ts'
import type { PlanMatcher } from '../plan.ts'

/** Yes where the matcher says no, and no where it says yes. Throws ERR_MILLRACE_BAD_PIPELINE for what is no matcher, and for `quic`, which knows only how a flow begins. */
export function not<K extends Kind>(matcher: Matcher<K>): Matcher<K> {
  const { name, shows, plan } = checkMatcher('not', matcher)
  if (beginsFlow(plan)) throw refuse('not', 'quic knows only how a flow begins, so all that follows would be "not quic": put when(quic(), …) before the branch for the rest')
  return { role: 'matcher', name: 'not', shows: `${name}(${shows})`, plan: { op: 'not', matcher: plan } }
}

function beginsFlow(plan: PlanMatcher): boolean {
  return plan.op === 'quic' || (plan.op === 'any' && plan.matchers.some(beginsFlow))
}
