/** The matcher `remoteAddress`. */
import { parseCidrs } from '../address.ts'
import type { Kind, Matcher } from '../part.ts'

/**
 * Whether the downstream is in one of these networks; needs no byte. A Unix peer is in none.
 * Throws ERR_MILLRACE_BAD_CIDR and, without any, ERR_MILLRACE_BAD_OPTION.
 */
export function remoteAddress(...cidrs: readonly string[]): Matcher<Kind> {
  const networks = parseCidrs('remoteAddress', cidrs)
  return { role: 'matcher', name: 'remoteAddress', shows: networks.join(', '), plan: { op: 'remoteAddress', cidrs: networks } }
}
