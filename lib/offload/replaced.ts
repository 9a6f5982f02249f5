/** Which tables that are there a new one takes the place of. Pure. */
import { parseEndpoint } from '../endpoint.ts'
import { RelayError } from '../errors.ts'
import type { IpEndpoint, OffloadPlan } from './plan.ts'
import { familyOf, isWildcard } from './routes.ts'
import type { Table } from './tables.ts'

/**
 * Those about the same ports. We hold these ports, so nobody else has them: a process that had has ended, or the worker in it has. An IPv6
 * wildcard that may or may not have taken IPv4 too is left to its process as long as that is there.
 */
export function replacedBy(plans: readonly OffloadPlan[], tables: readonly Table[]): readonly string[] {
  const ours = plans.flatMap(({ listen }) => listen)
  return tables.flatMap((table) => {
    const theirs = table.routes.flatMap(({ listen }) => listen.flatMap(endpointIn))
    return theirs.some((at) => ours.some((own) => overlap(at, own, !table.alive))) ? table.name : []
  })
}

/** `udp 0.0.0.0:7890-7900`, as in the comment of a rule; nothing where it is something else. */
function endpointIn(text: string): readonly IpEndpoint[] {
  try {
    const { at } = parseEndpoint(text.replace(' ', '://'))
    return at.net === 'unix' ? [] : [at]
  } catch (error) {
    if (error instanceof RelayError) return []
    throw error
  }
}

function overlap(a: IpEndpoint, b: IpEndpoint, acrossFamilies: boolean): boolean {
  if (a.net !== b.net || a.port > (b.lastPort ?? b.port) || b.port > (a.lastPort ?? a.port)) return false
  if (a.host === b.host) return true
  if (!isWildcard(a.host) && !isWildcard(b.host)) return false
  return familyOf(a.host) === familyOf(b.host) || acrossFamilies
}
