/** The matcher `any`. */
import { checkMatcher, refuse } from '../chain.ts'
import type { Kind, Matcher } from '../part.ts'

/**
 * Yes where one of the matchers says yes, no where all say no. Throws ERR_MILLRACE_BAD_PIPELINE for what is no matcher and for none.
 */
export function any<K extends Kind>(...matchers: readonly Matcher<K>[]): Matcher<K> {
  const list = matchers.map((matcher) => checkMatcher('any', matcher))
  if (list.length === 0) throw refuse('any', 'expected at least one matcher')
  const shows = list.map((matcher) => `${matcher.name}(${matcher.shows})`).join(', ')
  return { role: 'matcher', name: 'any', shows, plan: { op: 'any', matchers: list.map((matcher) => matcher.plan) } }
}
