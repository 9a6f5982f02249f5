/** The matcher `httpHost`. */
import { normalizeIp } from '../address.ts'
import { misuse } from '../errors.ts'
import { checkNamePattern } from '../name-pattern.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is an HTTP/1 request for one of these hosts, whatever the port: names, names with a star as in `sni`, or IP addresses, IPv6 with or without brackets. What an absolute target names
 * stands above the field Host (RFC 9112 section 3.2.2). Decided when all fields of the request are there, of which `route` takes 16384 bytes. No where two readers could
 * understand something else: two Hosts, a host that is none, a bare CR or LF, a folded line; and no for HTTP/2, whose fields are compressed.
 *
 * Only the first request of a connection is looked at: those behind it go where it went.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function httpHost(...hosts: readonly string[]): Matcher<'stream'> {
  if (hosts.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'httpHost', 'expected at least one host such as "a.example" or "*.b.example"')
  const known = hosts.map((host) => ({ host, address: typeof host === 'string' ? normalizeIp(host.replace(/^\[(.*)\]$/, '$1')) : undefined }))
  const addresses = known.flatMap(({ address }) => address ?? [])
  const names = known.flatMap(({ host, address }) => (address === undefined ? [checkNamePattern('httpHost', host)] : []))
  return { role: 'matcher', name: 'httpHost', shows: [...names, ...addresses].join(', '), plan: { op: 'httpHost', names, addresses } }
}
