/** The matcher `sni`. */
import { misuse } from '../errors.ts'
import { checkNamePattern } from '../name-pattern.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is a TLS ClientHello that asks for one of these names (RFC 6066 section 3), spread over any number of segments and TLS
 * records. `*.b.example` stands for exactly one label (RFC 6125 section 6.4.3): x.b.example, but neither b.example nor x.y.b.example.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function sni(...names: readonly string[]): Matcher<'stream'> {
  if (names.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'sni', 'expected at least one name such as "a.example" or "*.b.example"')
  const known = names.map((name) => checkNamePattern('sni', name))
  return { role: 'matcher', name: 'sni', shows: known.join(', '), plan: { op: 'sni', names: known } }
}
