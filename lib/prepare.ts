/** From pipelines to a server in two steps: everything is bound, and then served. */
import { normalizeIp } from './address.ts'
import { addonFor } from './addon.ts'
import { compile } from './compile.ts'
import type { Compiled } from './compile.ts'
import { misuse, systemError } from './errors.ts'
import type { RelayEvent } from './events.ts'
import { explain } from './explain.ts'
import type { CounterRow } from './ledger.ts'
import { watchFiles, withFiles } from './files.ts'
import { checkListeners } from './listeners.ts'
import { createLookUp } from './look-up.ts'
import type { LookUp } from './look-up.ts'
import { watchNames } from './names.ts'
import type { Native } from './native.ts'
import { shown } from './options.ts'
import type { Kind, Pipeline } from './part.ts'
import { openRelay } from './relay.ts'
import type { Relay } from './relay.ts'
import type { Resolver } from './resolve.ts'
import { addressesOf, createServer, idIn, rowsByShard } from './server.ts'
import type { Place, Server, ServerAddress, ServerRelay } from './server.ts'
import type { Session } from './session.ts'
import { controlUpstreams } from './upstreams/control.ts'
import type { ServiceResolver } from './upstreams/services.ts'
import { checkShardable, listeningAt, shardsText } from './shards.ts'
import type { Shard, Sharding } from './shards.ts'

/** The options of `serve`, checked, with their defaults. */
export type Settings = {
  readonly sharding: Sharding
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly sessionEvents: boolean
  readonly onError: (error: unknown, session: Session | undefined) => void
  readonly maxPendingBytes: number
  readonly maxPipeBytes: number
  readonly lingerMs: number
  readonly thread: 'auto' | 'own' | 'embedded'
  readonly transport: 'auto' | 'copy' | 'splice'
  readonly ioUring: boolean
  readonly resolver: Resolver
  readonly serviceResolver: ServiceResolver
  readonly debug: boolean
}

/** A server that shares its addresses with others that have been prepared for the same pipelines. */
export type Beside = {
  /** Which of how many it is. */
  readonly place: Place
  /** One number for all of them. */
  readonly draining: Int32Array
  readonly sharing: Shard['sharing']
  readonly steer: Sharding['steer']
  /** Where the calling thread is to stay, and the threads that it makes. */
  readonly cpu: number | undefined
  /** Of all but the first: where that one is bound. */
  readonly bound: readonly ServerAddress[] | undefined
}

/** Everything is bound, nothing is accepted. */
export type Prepared = {
  readonly addresses: readonly ServerAddress[]
  /** Chooses by CPU among the servers beside this one: the i-th that was prepared has cpus[i]. When all are there. */
  steer(cpus: readonly number[]): void
  /** Rejects as `serve` does, and then leaves nothing behind. */
  start(): Promise<Server>
  /** What the server's ledger is made of, a list for each shard; also after its end. */
  counters(): readonly (readonly CounterRow[])[]
}

/** Rejects as `serve` does, and then leaves nothing behind. */
export async function prepare(list: readonly Pipeline<Kind>[], settings: Settings, beside?: Beside): Promise<Prepared> {
  const compiled = list.map((pipeline) => compile(pipeline))
  const place = beside?.place ?? { number: 0, of: 1 }
  const sharing = { ...settings.sharding, steer: beside?.steer ?? settings.sharding.steer, shared: place.of > 1 || settings.sharding.shards.length > 1 }
  checkShardable(compiled, settings.thread, sharing)
  const groups = groupByThread(compiled, settings)
  const native = addonFor('serve')
  if (beside?.cpu !== undefined) native.pinThread(beside.cpu)
  const plans = await Promise.all((await withFiles(compiled)).map((one) => withListenAddresses(one, settings.resolver)))
  checkListeners(plans.map(({ plan }) => plan))

  const lookUp = createLookUp(settings.resolver)
  const draining = sharing.shared ? (beside?.draining ?? new Int32Array(new SharedArrayBuffer(4))) : undefined
  const relays: ServerRelay[] = []
  try {
    for (const [at, group] of groups.entries()) relays.push(openGroup(group, relays[0], { ...settings, native, plans, beside, draining, lookUp, idOf: idIn(groups.length, at, place) }))
    if (settings.sharding.steer === 'cpu' && relays.length > 1) steer(relays, settings.sharding.shards.map(({ cpu, number }) => cpu ?? number))
  } catch (error) {
    closeAll(relays)
    throw systemError(error, 'listen')
  }
  return {
    addresses: addressesOf(relays),
    steer: (cpus) => steer(relays, cpus),
    counters: () => rowsByShard(relays),
    async start() {
      // Before the first session comes, and until the last start has failed.
      const sets = controlUpstreams(relays, compiled, settings)
      await startAll(relays).catch((error: unknown) => {
        sets.stop()
        throw error
      })
      const texts = [...list.map((pipeline) => explain(pipeline)), shardsText(settings.sharding)]
      const stops = [watchNames(relays, compiled, settings), watchFiles(relays, plans, settings), () => sets.stop()]
      return createServer(relays, place, texts.filter((text) => text !== '').join('\n\n'), sets, () => stops.forEach((stop) => stop()))
    },
  }
}

/** One that was not started is gone at once. */
function closeAll(relays: readonly ServerRelay[]): void {
  relays.forEach(({ relay }) => relay.native.close(0))
}

async function startAll(relays: readonly ServerRelay[]): Promise<void> {
  const started = new Set<Relay>()
  try {
    for (const { relay } of relays) {
      relay.native.start()
      started.add(relay)
    }
  } catch (error) {
    closeAll(relays)
    await Promise.all([...started].map(({ closed }) => closed))
    throw systemError(error, 'listen')
  }
}

/** One program serves all sockets of an address. */
function steer(relays: readonly ServerRelay[], cpus: readonly number[]): void {
  relays.filter(({ shard }) => shard === 0).forEach(({ relay }) => relay.native.steer(cpus))
}

type Opening = Settings & {
  readonly native: Native
  readonly plans: readonly Compiled[]
  readonly beside: Beside | undefined
  readonly draining: Int32Array | undefined
  readonly lookUp: LookUp
  readonly idOf: (native: number) => number
}

/** Other shards than the first listen where that one does, and a server beside another where that does. */
function openGroup({ ownThread, pipelines, shard: { number, cpu, sharing } }: Group, leader: ServerRelay | undefined, { plans, beside, ...options }: Opening): ServerRelay {
  const first = number === 0 ? undefined : leader?.relay
  const bound = first?.addresses ?? beside?.bound
  const relay = openRelay({
    ...options,
    ownThread,
    plans: pipelines.flatMap((pipeline) => {
      const compiled = plans[pipeline]
      if (compiled === undefined) return []
      return [{ pipeline, compiled: bound === undefined ? compiled : { ...compiled, plan: listeningAt(compiled.plan, bound.filter((at) => at.pipeline === pipeline)) } }]
    }),
    sharing: number === 0 ? (beside?.sharing ?? sharing) : 'another',
    shard: number,
    cpu: cpu ?? -1,
    first: first?.native,
  })
  return { relay, pipelines, shard: number }
}

type Group = { readonly ownThread: boolean; readonly pipelines: readonly number[]; readonly shard: Shard }

/** All on threads of their own, each as many times as there are shards; or at most one there and one in this. */
function groupByThread(compiled: readonly Compiled[], { thread, sharding }: Settings): readonly Group[] {
  const all = compiled.map((_, pipeline) => pipeline)
  const [only] = sharding.shards
  if (sharding.asked || only === undefined) return sharding.shards.map((shard) => ({ ownThread: true, pipelines: all, shard }))
  if (thread === 'embedded') return [{ ownThread: false, pipelines: all, shard: only }]
  const inJs = all.filter((pipeline) => compiled[pipeline]?.hasJs === true)
  const [first] = inJs
  if (thread === 'own' && first !== undefined) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `thread "own" needs pipelines without a node in JS, but pipeline ${first} has ${compiled[first]?.jsPaths.join(', ')}`)
  }
  const native = all.filter((pipeline) => !inJs.includes(pipeline))
  return [
    { ownThread: true, pipelines: native, shard: only },
    { ownThread: false, pipelines: inJs, shard: only },
  ].filter((group) => group.pipelines.length > 0)
}

/** A name to listen at becomes its first address; what it resolves to later does not matter. */
async function withListenAddresses(compiled: Compiled, resolver: Resolver): Promise<Compiled> {
  const names = new Set(compiled.plan.listen.flatMap((at) => (at.net === 'unix' || normalizeIp(at.host) !== undefined ? [] : at.host)))
  const found = new Map(await Promise.all([...names].map(async (name) => [name, await firstAddress(name, resolver)] as const)))
  const listen = compiled.plan.listen.map((at) => (at.net === 'unix' ? at : { ...at, host: found.get(at.host) ?? at.host }))
  return { ...compiled, plan: { ...compiled.plan, listen } }
}

async function firstAddress(name: string, resolver: Resolver): Promise<string> {
  const found = await resolver(name).catch((error: unknown) => {
    throw systemError(error, 'listen')
  })
  const [host] = found.flatMap(({ address }) => normalizeIp(address) ?? [])
  if (host === undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'listen', `${shown(name)} has no address`)
  return host
}
