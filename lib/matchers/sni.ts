/** The matcher `sni`. */
import { parseName } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is a TLS ClientHello that asks for one of these names (RFC 6066 section 3), spread over any number of segments and TLS
 * records. `*.b.example` stands for exactly one label (RFC 6125 section 6.4.3): x.b.example, but neither b.example nor x.y.b.example.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function sni(...names: readonly string[]): Matcher<'stream'> {
  if (names.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'sni', 'expected at least one name such as "a.example" or "*.b.example"')
  const known = names.map(checkName)
  return { role: 'matcher', name: 'sni', shows: known.join(', '), plan: { op: 'sni', names: known } }
}

function checkName(text: unknown): string {
  const refuse = (why: string) => misuse('ERR_MILLRACE_BAD_OPTION', 'sni', `${shown(text)} is not a name: ${why}`)
  if (typeof text !== 'string') throw refuse('expected a string such as "a.example"')
  const star = text.startsWith('*.') ? '*.' : ''
  const rest = text.slice(star.length)
  if (rest.includes('*')) throw refuse('a star stands only for the whole first label, as in "*.b.example"')
  const name = parseName(rest)
  if (name === undefined) throw refuse('expected labels of 1 to 63 letters, digits and hyphens, and no IP address')
  return star + name
}
