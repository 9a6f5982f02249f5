/** From the members of a set as they were written to the addresses that there are. Pure. */
import { isIP } from 'node:net'
import { endpointText } from '../endpoint.ts'
import type { PlanEndpoint, PlanMember } from '../plan.ts'
import type { ServiceAddress } from './services.ts'

/** One address of a member: what the addon calls a member. */
export type PlaceOf = {
  /** As it stands in events: `10.0.0.1:80`. No two of a set have the same. */
  readonly key: string
  readonly at: PlanEndpoint
  readonly weight: number
  readonly tier: number
  readonly maxSessions: number
}

/** Members that are for when there is no other come behind every priority of a service. */
const backupTier = 65_536

/** What names and services have resolved to so far. */
export type Resolved = {
  readonly names: ReadonlyMap<string, readonly string[]>
  readonly services: ReadonlyMap<string, readonly ServiceAddress[]>
}

/** Most places of a set: whatever a name resolves to. */
const mostPlaces = 4_096

/** All places of the members, at most 4096; the first of two at the same address counts. */
export function placesOf(members: readonly PlanMember[], resolved: Resolved): ReadonlyMap<string, PlaceOf> {
  const places = new Map<string, PlaceOf>()
  for (const place of members.flatMap((member) => placesOfMember(member, resolved))) {
    if (!places.has(place.key) && places.size < mostPlaces) places.set(place.key, place)
  }
  return places
}

function placesOfMember({ to, weight, backup, maxSessions }: PlanMember, { names, services }: Resolved): readonly PlaceOf[] {
  const behind = backup ? backupTier : 0
  const place = (at: PlanEndpoint, tier = behind, share = weight): PlaceOf => ({ key: endpointText(at), at, weight: share, tier, maxSessions })
  if (to.net === 'unix') return [place(to)]
  if (to.net !== 'srv') return isIP(to.host) !== 0 ? [place(to)] : (names.get(to.host) ?? []).map((host) => place({ ...to, host }))
  const net = to.service.includes('._udp.') ? 'udp' : 'tcp'
  return (services.get(to.service) ?? []).map(({ host, port, priority, weight: share }) => place({ net, host, port }, behind + priority, Math.max(share, 1)))
}
