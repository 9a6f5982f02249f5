/** The matcher `not`. */
import { checkMatcher } from '../chain.ts'
import type { Kind, Matcher } from '../part.ts'

/** Yes where the matcher says no, and no where it says yes. Throws ERR_MILLRACE_BAD_PIPELINE for what is no matcher. */
export function not<K extends Kind>(matcher: Matcher<K>): Matcher<K> {
  const { name, shows, plan } = checkMatcher('not', matcher)
  return { role: 'matcher', name: 'not', shows: `${name}(${shows})`, plan: { op: 'not', matcher: plan } }
}
