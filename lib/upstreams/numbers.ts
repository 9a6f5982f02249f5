/** The numbers of upstreams in a plan, and of the members of sets in the addon. */
import { endpointText } from '../endpoint.ts'
import type { PlanEndpoint, PlanSet } from '../plan.ts'

/** What the members of a set are called in events, by the ids that the addon knows them by. They come and go while it is served. */
export type MemberNames = Map<number, string>

/** What an upstream is called that is a Unix socket: one name, or that of the member with an id. */
export function unixNameOf({ upstream, members }: { readonly upstream?: string; readonly members?: MemberNames }): string | ((id: number) => string | undefined) | undefined {
  return members === undefined ? upstream : (id) => members.get(id)
}

/** The place among the upstreams, where it is put if it is new. A set is the one that it is, whatever its members: they may change. */
export function upstreamNumber({ upstreams, sets }: { readonly upstreams: (PlanEndpoint | PlanSet)[]; readonly sets: Map<number, MemberNames> }, at: PlanEndpoint | PlanSet): number {
  const known = at.net === 'set' ? upstreams.indexOf(at) : upstreams.findIndex((other) => other.net !== 'set' && endpointText(other) === endpointText(at))
  if (known >= 0) return known
  const number = upstreams.push(at) - 1
  if (at.net === 'set') sets.set(number, new Map())
  return number
}
