/** Host names that matchers compare with, and names with a star in the place of their first label. */
import { parseName } from './endpoint.ts'
import { misuse } from './errors.ts'
import { shown } from './options.ts'

/** The name in its usual form, lower-case and without a trailing dot; a star stays. Throws ERR_MILLRACE_BAD_OPTION. */
export function checkNamePattern(node: string, text: unknown, instead = 'no IP address'): string {
  const refuse = (why: string): Error => misuse('ERR_MILLRACE_BAD_OPTION', node, `${shown(text)} is not a name: ${why}`)
  if (typeof text !== 'string') throw refuse('expected a string such as "a.example"')
  const star = text.startsWith('*.') ? '*.' : ''
  const rest = text.slice(star.length)
  if (rest.includes('*')) throw refuse('a star stands only for the whole first label, as in "*.b.example"')
  const name = parseName(rest)
  if (name === undefined) throw refuse(`expected labels of 1 to 63 letters, digits and hyphens, and ${instead}`)
  return star + name
}
