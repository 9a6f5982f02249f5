/**
 * Where an offloaded pipeline goes, family by family, once its names are addresses, and what the kernel has to be set to for that.
 *
 * Found by experiment on Linux 6.18 (test/offload/loopback.test.ts shows it):
 *   a packet that is forwarded needs ip_forward (IPv4) or conf.all.forwarding (IPv6); one to an address of this machine needs neither;
 *   a packet from 127.0.0.1 that leaves this machine, or one from elsewhere to 127.0.0.1, is "martian" unless route_localnet is set;
 *   IPv6 has no such switch: ::1 stays within the machine.
 */
import { isIPv6 } from 'node:net'
import { refuse } from '../chain.ts'
import { formatEndpoint } from '../endpoint.ts'
import type { IpEndpoint, OffloadPlan } from './plan.ts'

export type Family = 4 | 6

/** Settings of the kernel that rules of ours depend on; a missing one is an error that names the command. */
export const sysctls = {
  forward4: 'net.ipv4.ip_forward',
  forward6: 'net.ipv6.conf.all.forwarding',
  routeLocalnet: 'net.ipv4.conf.all.route_localnet',
} as const

export type Sysctl = keyof typeof sysctls

/** Where packets of one family go. `place`: another machine, an address of this one, or its loopback. */
export type Upstream = { readonly family: Family; readonly host: string; readonly place: 'remote' | 'own' | 'loopback' }

export type Machine = {
  readonly own: ReadonlySet<string>
  readonly isSet: (sysctl: Sysctl) => boolean
}

export function familyOf(host: string): Family {
  return isIPv6(host) ? 6 : 4
}

export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::'
}

export function isLoopback(host: string): boolean {
  return host === '::1' || (familyOf(host) === 4 && host.startsWith('127.'))
}

/** The families that come to a listener. */
export function familiesAt({ host }: IpEndpoint, dualStack: boolean): readonly Family[] {
  return host === '::' && dualStack ? [6, 4] : [familyOf(host)]
}

export function familiesOf({ listen, dualStack }: OffloadPlan): readonly Family[] {
  return [...new Set(listen.flatMap((at) => familiesAt(at, dualStack)))]
}

export function upstreamAt(host: string, { own }: Machine): Upstream {
  return { family: familyOf(host), host, place: isLoopback(host) ? 'loopback' : own.has(host) ? 'own' : 'remote' }
}

/** The first address of each family that is needed; throws for the one there is none of, since the kernel translates no IPv4 to IPv6. */
export function upstreamsFor(plan: OffloadPlan, addresses: readonly string[], machine: Machine): readonly Upstream[] {
  return familiesOf(plan).map((family) => {
    const host = addresses.find((address) => familyOf(address) === family && !address.includes('%'))
    if (host !== undefined) return upstreamAt(host, machine)
    const at = plan.listen.find((one) => familiesAt(one, plan.dualStack).includes(family))
    const where = at === undefined ? '' : `${formatEndpoint(at)} takes IPv${family}, but `
    const hint = at?.host === '::' && family === 4 ? '; listen(…, { dualStack: false }) takes IPv6 only' : ''
    throw refuse(plan.path, `cannot be offloaded to nftables: ${where}${formatEndpoint(plan.upstream)} has no IPv${family} address, and the kernel does not change the family${hint}`)
  })
}

/** The settings without which nothing would come through; throws for what cannot work with any. */
export function sysctlsFor(plan: OffloadPlan, upstreams: readonly Upstream[]): readonly Sysctl[] {
  return plan.listen.flatMap((at) =>
    familiesAt(at, plan.dualStack).flatMap((family) => {
      const to = upstreams.find((upstream) => upstream.family === family)
      return to === undefined ? [] : sysctlsBetween(plan.path, at, to)
    }))
}

function sysctlsBetween(path: string, at: IpEndpoint, { family, host, place }: Upstream): readonly Sysctl[] {
  const local = isLoopback(at.host)
  if (place === 'own' || (local && place === 'loopback')) return []
  if (!local && place === 'remote') return [family === 4 ? 'forward4' : 'forward6']
  if (family === 4) return ['routeLocalnet']
  const why = local ? `${formatEndpoint(at)} cannot reach another machine` : `${host} cannot be reached from another machine`
  throw refuse(path, `cannot be offloaded to nftables: ${why}, ::1 does not leave the loopback; use another address of this machine`)
}

/** Whether packets to the loopback addresses of a wildcard can get there; where not they are left to the socket that holds the port. */
export function takesLoopback(at: IpEndpoint, { family, place }: Upstream, { isSet }: Machine): boolean {
  return !isWildcard(at.host) || place !== 'remote' || (family === 4 && isSet('routeLocalnet'))
}
