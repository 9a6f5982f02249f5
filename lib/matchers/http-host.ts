/** The matcher `httpHost`. */
import { normalizeIp } from '../address.ts'
import { misuse } from '../errors.ts'
import { checkNamePattern } from '../name-pattern.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is an HTTP/1 request for one of these hosts, whatever the port: names, names with a star as in `sni`, or IP addresses, IPv6 with or without brackets. An absolute target
 * has to name the same host as the field Host. Decided when all fields of the request are there, of which `route` takes 16384 bytes. No where two readers could
 * understand something else: two Hosts, a host that is none, a bare CR or LF, a folded line; and no for HTTP/2, whose fields are compressed.
 *
 * Only the first request of a connection is looked at: those behind it go where it went.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function httpHost(...hosts: readonly string[]): Matcher<'stream'> {
  if (hosts.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'httpHost', 'expected at least one host such as "a.example" or "*.b.example"')
  const known = hosts.map((host) => ({ host, address: addressOf(host) }))
  const addresses = known.flatMap(({ address }) => address ?? [])
  const names = known.flatMap(({ host, address }) => (address === undefined ? [checkNamePattern('httpHost', host, 'no port or scheme, or an IP address')] : []))
  return { role: 'matcher', name: 'httpHost', shows: [...names, ...addresses].join(', '), plan: { op: 'httpHost', names, addresses } }
}

/** An IP address in its usual form, IPv6 with or without brackets; no scope, which no client sends. */
function addressOf(host: unknown): string | undefined {
  if (typeof host !== 'string' || host.includes('%')) return undefined
  return normalizeIp(host.replace(/^\[(.*:.*)\]$/, '$1'))
}
