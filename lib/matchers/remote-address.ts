/** The matcher `remoteAddress`. */
import { parseNetworks } from '../address-file.ts'
import type { AddressFile } from '../address-file.ts'
import type { Kind, Matcher } from '../part.ts'

/**
 * Whether the downstream is in one of these networks, or of those in a `file`; needs no byte. A Unix peer is in none.
 * Throws ERR_MILLRACE_BAD_CIDR and, without any, ERR_MILLRACE_BAD_OPTION.
 */
export function remoteAddress(...cidrs: readonly (string | AddressFile)[]): Matcher<Kind> {
  const { networks, shows } = parseNetworks('remoteAddress', cidrs)
  return { role: 'matcher', name: 'remoteAddress', shows, plan: { op: 'remoteAddress', ...networks } }
}
