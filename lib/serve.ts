/** `serve`: the only function that touches the kernel. */
import { compile } from './compile.ts'
import type { Compiled } from './compile.ts'
import { refuse } from './chain.ts'
import { normalizeIp } from './address.ts'
import { misuse, RelayError, safely, systemError } from './errors.ts'
import type { RelayEvent } from './events.ts'
import { explain } from './explain.ts'
import { limited } from './limited.ts'
import { checkListeners } from './listeners.ts'
import { loadNative } from './native.ts'
import type { Native } from './native.ts'
import { watchNames } from './names.ts'
import { checkBoolean, checkFunction, checkInteger, checkMs, checkNames, checkWord, shown } from './options.ts'
import type { Kind, Pipeline } from './part.ts'
import { isPipeline } from './pipe.ts'
import { openRelay } from './relay.ts'
import type { Relay } from './relay.ts'
import { systemResolver } from './resolve.ts'
import type { Resolver } from './resolve.ts'
import { createServer, idIn } from './server.ts'
import type { Server, ServerRelay } from './server.ts'
import type { Session } from './session.ts'
import { checkShardable, checkShards, listeningAt, shardNames, shardsText } from './shards.ts'
import type { Shard, ShardOptions, Sharding } from './shards.ts'

/** The options of `serve`. */
export type ServeOptions = ShardOptions & {
  /** Is told what happens, in batches. */
  readonly onEvents?: (batch: readonly RelayEvent[]) => void
  /** Whether `onEvents` is told of every session's open and close; false leaves it the notices, at no cost a session. Default true. */
  readonly sessionEvents?: boolean
  /**
   * Is told what a handler has thrown, whose session has ended with `handlerError`; without a session where `onEvents` or a handler of datagrams threw.
   * Default: stderr.
   */
  readonly onError?: (error: unknown, session: Session | undefined) => void
  /** Pending bytes of all sessions of one thread, 1048576 to 1099511627776; default 268435456. */
  readonly maxPendingBytes?: number
  /** Milliseconds between our FIN and the end of a session whose peer goes on sending, 0 (at once) to 2147483647; default 2000. */
  readonly lingerMs?: number
  /**
   * `own`: the loop has its own thread, which is refused where a pipeline has a node in JS. `embedded`: it runs in the calling thread.
   * Default `auto`: pipelines without a node in JS together on one thread of their own, the others embedded.
   */
  readonly thread?: 'auto' | 'own' | 'embedded'
  /**
   * How bytes move between two sockets: `copy` through user space, `splice` through a kernel pipe, `auto` (the default) by the size of the
   * last reads: splice for bulk, copy for the rest. Where the kernel gives no pipe everything is copied. What has been spliced is still the
   * sender's memory: a program that sends a file with sendfile(2) and then overwrites it changes what a slow reader gets, as on a direct connection.
   */
  readonly transport?: 'auto' | 'copy' | 'splice'
  /** Resolves the names of endpoints; default: hosts file, DNS, getaddrinfo(3). */
  readonly resolver?: Resolver
  /**
   * Checks at every crossing that the ledger balances, and tells `onError` where not. Handlers of datagrams get copies whose memory is taken away
   * when they return, so that bytes which were kept are found out: they are empty, and to reply with them is an error. Default false.
   */
  readonly debug?: boolean
}

const names = [...shardNames, 'onEvents', 'sessionEvents', 'onError', 'maxPendingBytes', 'lingerMs', 'thread', 'transport', 'resolver', 'debug']

/**
 * Serves one pipeline or several, of streams and of datagrams: binds all listeners, then accepts. Rejects with the `RelayError` of what cannot be set up, such as
 * `listen EADDRINUSE 127.0.0.1:8080`, and leaves nothing behind; with ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and
 * ERR_MILLRACE_BAD_PIPELINE for misuse, and with ERR_MILLRACE_NO_ADDON where the addon is not built.
 */
export async function serve(pipelines: Pipeline<Kind> | readonly Pipeline<Kind>[], options: ServeOptions = {}): Promise<Server> {
  const settings = checkOptions(options)
  const list = checkPipelines(pipelines)
  const compiled = list.map((pipeline) => compile(pipeline))
  checkShardable(compiled, settings.thread, settings.sharding)
  const groups = groupByThread(compiled, settings)
  const native = load()
  const plans = await Promise.all(compiled.map((one) => withListenAddresses(one, settings.resolver)))
  checkListeners(plans.map(({ plan }) => plan))

  const relays: ServerRelay[] = []
  const started = new Set<Relay>()
  try {
    for (const [place, group] of groups.entries()) relays.push(openGroup(group, relays[0]?.relay, { ...settings, native, plans, idOf: idIn(groups.length, place) }))
    if (settings.sharding.steer === 'cpu') steerByCpu(relays, settings.sharding)
    for (const { relay } of relays) {
      relay.native.start()
      started.add(relay)
    }
  } catch (error) {
    for (const { relay } of relays) relay.native.close(0)
    await Promise.all([...started].map(({ closed }) => closed)) // the others are gone at once
    throw systemError(error, 'listen')
  }
  const stopNames = watchNames(relays, compiled, settings)
  const texts = [...list.map((pipeline) => explain(pipeline)), shardsText(settings.sharding)]
  return createServer(relays, texts.filter((text) => text !== '').join('\n\n'), stopNames)
}

type Opening = Settings & { readonly native: Native; readonly plans: readonly Compiled[]; readonly idOf: (native: number) => number }

/** Other shards than the first listen where that one does. */
function openGroup({ ownThread, pipelines, shard: { number, cpu, sharing } }: Group, leader: Relay | undefined, { plans, ...options }: Opening): ServerRelay {
  const first = number === 0 ? undefined : leader
  const relay = openRelay({
    ...options,
    ownThread,
    plans: pipelines.flatMap((pipeline) => {
      const compiled = plans[pipeline]
      if (compiled === undefined) return []
      const bound = first?.addresses.filter((address) => address.pipeline === pipeline)
      return [{ pipeline, compiled: bound === undefined ? compiled : { ...compiled, plan: listeningAt(compiled.plan, bound) } }]
    }),
    sharing,
    shard: number,
    cpu: cpu ?? -1,
    first: first?.native,
  })
  return { relay, pipelines, shard: number }
}

/** One program serves all sockets of an address. A shard that is not pinned has the CPUs of its number. */
function steerByCpu([first, ...others]: readonly ServerRelay[], { shards }: Sharding): void {
  if (others.length > 0) first?.relay.native.steer(shards.map(({ cpu, number }) => cpu ?? number))
}

type Settings = {
  readonly sharding: Sharding
  readonly onEvents: ServeOptions['onEvents']
  readonly sessionEvents: boolean
  readonly onError: (error: unknown, session: Session | undefined) => void
  readonly maxPendingBytes: number
  readonly lingerMs: number
  readonly thread: 'auto' | 'own' | 'embedded'
  readonly transport: 'auto' | 'copy' | 'splice'
  readonly resolver: Resolver
  readonly debug: boolean
}

function checkOptions(options: ServeOptions): Settings {
  checkNames('serve', options, names)
  const { onEvents, sessionEvents = true, onError = report, maxPendingBytes = 268_435_456, lingerMs = 2_000, thread = 'auto', transport = 'auto' } = options
  const { resolver = systemResolver(), debug = false } = options
  if (onEvents !== undefined) checkFunction('serve', 'onEvents', onEvents)
  checkFunction('serve', 'onError', onError)
  checkFunction('serve', 'resolver', resolver)
  checkInteger('serve', 'maxPendingBytes', maxPendingBytes, { least: 1_048_576, most: 2 ** 40, unit: 'bytes' })
  checkMs('serve', 'lingerMs', lingerMs, 'at once')
  checkWord('serve', 'thread', thread, ['auto', 'own', 'embedded'])
  checkWord('serve', 'transport', transport, ['auto', 'copy', 'splice'])
  checkBoolean('serve', 'sessionEvents', sessionEvents)
  checkBoolean('serve', 'debug', debug)
  return { sharding: checkShards(options), onEvents, sessionEvents, onError: guarded(onError), maxPendingBytes, lingerMs, thread, transport, resolver, debug }
}

function checkPipelines(given: unknown): readonly Pipeline<Kind>[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw refuse('serve', 'expected at least one pipeline')
  return list.map((pipeline) => {
    if (isPipeline(pipeline)) return pipeline
    throw refuse('serve', `expected a pipeline made by pipe(…), not ${shown(pipeline)}`)
  })
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

function load(): Native {
  try {
    return loadNative()
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error)
    throw new RelayError(`serve: the addon cannot be loaded, build it with "npm run build:addon": ${why}`, { code: 'ERR_MILLRACE_NO_ADDON', node: 'serve' }, error)
  }
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

const reports = limited((text) => process.stderr.write(`millrace: ${text}\n`))

function report(error: unknown, session: Session | undefined): void {
  reports(() => {
    const text = safely(() => (error instanceof Error ? (error.stack ?? error.message) : shown(error)))
    return `${session === undefined ? 'onEvents or a handler of datagrams' : `session ${session.id} of ${session.downstream}`}: ${text}`
  })
}

/** What is called from within a crossing must not throw. */
function guarded(onError: NonNullable<ServeOptions['onError']>): NonNullable<ServeOptions['onError']> {
  return (error, session) => {
    try {
      onError(error, session)
    } catch (another) {
      report(error, session)
      report(another, session)
    }
  }
}
