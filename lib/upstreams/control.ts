/**
 * The sets of upstreams of a running server: what their names resolve to, what checks find, and all loops told of it. The relays choose; this is off the
 * data path.
 */
import { hasRole, refuse } from '../chain.ts'
import { startChecker } from '../checks/checker.ts'
import type { Checker } from '../checks/checker.ts'
import type { Compiled } from '../compile.ts'
import type { RelayEvent } from '../events.ts'
import { checkMembersLoop } from '../listeners.ts'
import { shown } from '../options.ts'
import type { Kind } from '../part.ts'
import type { Plan, PlanMember, PlanSet } from '../plan.ts'
import type { Resolver } from '../resolve.ts'
import type { ServerRelay } from '../server.ts'
import type { Session } from '../session.ts'
import { listeningAt } from '../shards.ts'
import { tellEvents } from '../tell-events.ts'
import { upstreamInfos } from './info.ts'
import type { UpstreamInfo } from './info.ts'
import { healthNotice } from './notices.ts'
import type { MemberNames } from './numbers.ts'
import { placesOf } from './places.ts'
import type { PlaceOf } from './places.ts'
import type { ServiceResolver } from './services.ts'
import { membersFor } from './upstreams.ts'
import type { UpstreamSet } from './upstreams.ts'
import { watchMembers } from './watch.ts'

type Options = {
  readonly resolver: Resolver
  readonly serviceResolver: ServiceResolver
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly onError: (error: unknown, session: Session | undefined) => void
}

/** A set in one plan of one relay. */
type Use = { readonly server: ServerRelay; readonly pipeline: number; readonly plan: number; readonly upstream: number; readonly names: MemberNames }

/** A place with the number that the addon knows it by, and its checks. */
type Kept = { readonly place: PlaceOf; readonly id: number; readonly checker: Checker | undefined }

/** What a server does with its sets. */
export type UpstreamControl = {
  readonly setMembers: (set: UpstreamSet<Kind>, members: readonly unknown[]) => void
  readonly list: () => Promise<readonly UpstreamInfo[]>
  readonly stop: () => void
}

/** Tells the relays of all members that are known, and goes on until `stop`. */
export function controlUpstreams(relays: readonly ServerRelay[], compiled: readonly Compiled[], options: Options): UpstreamControl {
  const served = new Map([...usesBySet(relays, compiled)].map(([set, uses]) => [set, serveSet(set, uses, compiled, options)]))
  return {
    setMembers(set, members) {
      const found = hasRole(set, 'upstreams') ? served.get(set.at) : undefined
      if (found === undefined) throw refuse('setUpstreams', `expected a set made by upstreams(…) that a pipeline of this server forwards to, not ${hasRole(set, 'upstreams') ? 'another one' : shown(set)}`)
      const next = membersFor(set.at, members)
      for (const plan of found.behind()) checkMembersLoop(plan, next)
      found.setMembers(next)
    },
    list: async () => (await Promise.all(relays.map(upstreamInfos(compiled)))).flat(),
    stop: () => served.forEach(({ stop }) => stop()),
  }
}

function usesBySet(relays: readonly ServerRelay[], compiled: readonly Compiled[]): ReadonlyMap<PlanSet, readonly Use[]> {
  const all = new Map<PlanSet, Use[]>()
  for (const server of relays) {
    for (const [plan, pipeline] of server.pipelines.entries()) {
      for (const [upstream, names] of compiled[pipeline]?.sets ?? []) {
        const set = compiled[pipeline]?.plan.upstreams[upstream]
        if (set?.net !== 'set') continue
        const uses = all.get(set) ?? []
        uses.push({ server, pipeline, plan, upstream, names })
        all.set(set, uses)
      }
    }
  }
  return all
}

type ServedSet = { readonly behind: () => readonly Pick<Plan, 'listen' | 'dualStack'>[]; readonly setMembers: (members: readonly PlanMember[]) => void; readonly stop: () => void }

function serveSet(set: PlanSet, uses: readonly Use[], compiled: readonly Compiled[], options: Options): ServedSet {
  let kept: ReadonlyMap<string, Kept> = new Map()
  let [lastId, stopped] = [0, false]
  const pipelines = [...new Map(uses.map((use) => [use.pipeline, use])).values()]

  const newId = (used: ReadonlySet<number>): number => {
    do lastId = (lastId % 65_535) + 1
    while (used.has(lastId))
    return lastId
  }
  const checkerOf = (place: PlaceOf, id: number): Checker | undefined => {
    if (set.health === null) return undefined
    return startChecker(set.health, place.at, {
      onChange(down, why) {
        // Whoever is told may rely on it: every loop knows by then.
        let left = uses.length
        const known = (): void => {
          left--
          if (left === 0) tellEvents(options, pipelines.map(({ pipeline }) => healthNotice(pipeline, place.key, down, why)))
        }
        for (const { server, plan, upstream } of uses) server.relay.native.setHealth(plan, upstream, id, down, known)
      },
    })
  }
  const keep = (place: PlaceOf, used: Set<number>): Kept => {
    const before = kept.get(place.key)
    if (before !== undefined) return { ...before, place }
    const id = newId(used)
    used.add(id)
    for (const { names } of uses) names.set(id, place.key)
    return { place, id, checker: checkerOf(place, id) }
  }
  const update = (members: readonly PlanMember[]): void => {
    if (stopped) return
    const used = new Set([...kept.values()].map(({ id }) => id))
    const next = new Map([...placesOf(members, watch.resolved())].map(([key, place]) => [key, keep(place, used)]))
    if (next.size === 0) return // names that have no address yet: until then it is as it was
    for (const [key, { checker }] of kept) if (!next.has(key)) checker?.stop()
    kept = next
    const list = [...kept.values()].map(({ place: { key, at, weight, tier, maxSessions }, id, checker }) => ({ id, at, key, weight, tier, maxSessions, down: checker?.down() === true }))
    for (const { server, plan, upstream } of uses) server.relay.native.setMembers(plan, upstream, list)
  }

  const watch = watchMembers(set.members, {
    ...options,
    onChange: update,
    onFailure: (name, message) => tellEvents(options, pipelines.map(({ pipeline, server }) => ({ type: 'notice', code: 'nameUnresolved', at: Date.now(), pipeline, listener: server.relay.listeners(pipeline)[0] ?? '', name, message }))),
  })
  update(set.members)
  return {
    behind: () => uses.flatMap(({ server, pipeline }) => compiled[pipeline] === undefined ? [] : listeningAt(compiled[pipeline].plan, server.relay.addresses.filter((at) => at.pipeline === pipeline))),
    setMembers(members) {
      if (!stopped) watch.setMembers(members)
    },
    stop() {
      stopped = true
      watch.stop()
      for (const { checker } of kept.values()) checker?.stop()
    },
  }
}
