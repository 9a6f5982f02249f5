/** Service records, resolved off the loop and again by their TTL. */
import { Resolver as DnsResolver } from 'node:dns/promises'
import { normalizeIp } from '../address.ts'
import { parseName } from '../endpoint.ts'
import { plainTtl, watchAnswer } from '../resolve.ts'
import type { NameWatch, Resolver } from '../resolve.ts'
import { askService } from './service-query.ts'

/** A record of a service (RFC 2782) and for how many seconds it may be used. */
export type ServiceRecord = { readonly name: string; readonly port: number; readonly priority: number; readonly weight: number; readonly ttl: number }

/** Finds the records of a service such as `_http._tcp.example`; rejects, or answers with none, where there are none. */
export type ServiceResolver = (service: string) => Promise<readonly ServiceRecord[]>

/** An address at which a service is. */
export type ServiceAddress = { readonly host: string; readonly port: number; readonly priority: number; readonly weight: number }

/** The system's name servers. Node tells no TTL of these records, so they are asked directly, and by Node where an answer does not fit into a datagram. */
export function systemServiceResolver(): ServiceResolver {
  const dns = new DnsResolver({ timeout: 2_000, tries: 2 })
  return async (service) => {
    const asked = await askService(service, dns.getServers())
    if (asked !== undefined) return asked
    return (await dns.resolveSrv(service)).map((record) => ({ ...record, ttl: plainTtl }))
  }
}

export type ServiceWatch = Pick<NameWatch, 'resolver' | 'onFailure' | 'schedule'> & {
  readonly services: ServiceResolver
  readonly onAddresses: (addresses: readonly ServiceAddress[]) => void
}

/**
 * Resolves a service and its targets now and then again, until the returned function is called. A target whose name fails keeps the addresses that it had.
 */
export function watchService(service: string, { services, resolver, onAddresses, ...rest }: ServiceWatch): () => void {
  let known: ReadonlyMap<string, readonly string[]> = new Map()
  const ask = async () => {
    const records = (await services(service)).filter(isRecord)
    if (records.length === 0) throw new Error(`${service} has no records`)
    const names = [...new Set(records.map(({ name }) => name))]
    const found = await Promise.all(names.map((name) => addressesOf(name, resolver)))
    known = new Map(names.map((name, i) => [name, found[i]?.addresses ?? known.get(name) ?? []]))
    const answer = records.flatMap(({ name, port, priority, weight }) => (known.get(name) ?? []).map((host) => ({ host, port, priority, weight })))
    if (answer.length === 0) throw new Error(`no target of ${service} has an address: ${names.join(', ')}`)
    // One that could not be resolved is asked for again soon.
    return { answer, ttls: [...records.map(({ ttl }) => ttl), ...found.flatMap((one) => one?.ttls ?? [1])] }
  }
  return watchAnswer({ ask, onAnswer: onAddresses, ...rest })
}

/** A target of "." says that there is no such service (RFC 2782). */
function isRecord({ name, port, priority, weight }: ServiceRecord): boolean {
  const whole = (value: number, least: number): boolean => Number.isInteger(value) && value >= least && value <= 65_535
  return (normalizeIp(name) ?? parseName(name)) !== undefined && whole(port, 1) && whole(priority, 0) && whole(weight, 0)
}

/** Nothing where the name cannot be resolved. */
async function addressesOf(name: string, resolver: Resolver): Promise<{ readonly addresses: readonly string[]; readonly ttls: readonly number[] } | undefined> {
  const literal = normalizeIp(name)
  if (literal !== undefined) return { addresses: [literal], ttls: [] }
  const found = await Promise.resolve().then(() => resolver(name)).catch(() => [])
  const addresses = [...new Set(found.flatMap(({ address }) => normalizeIp(address) ?? []))]
  return addresses.length === 0 ? undefined : { addresses, ttls: found.map(({ ttl }) => ttl) }
}
