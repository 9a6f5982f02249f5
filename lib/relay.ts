/** One relay of the addon with its shared memory and its crossing. A server has one in this thread, one on a thread of its own, or both; or one for each shard. */
import { addressText, formatHostPort } from './address.ts'
import { createCrossing } from './crossing.ts'
import type { CrossingPlan } from './crossing.ts'
import { createDatagramCrossing } from './datagram-crossing.ts'
import { RelayError } from './errors.ts'
import type { RelayEvent } from './events.ts'
import { counterNames, ledgerOf } from './ledger.ts'
import type { CounterRow } from './ledger.ts'
import type { LookUp } from './look-up.ts'
import { datagramMemory, lastingBuffer } from './memory.ts'
import { EndHow, loadNumbers, recordBytes } from './native.ts'
import type { Native, NativeAddress, NativeDatagrams, NativeMember, NativeOptions, NativeRelay, NativeSession } from './native.ts'
import type { Session } from './session.ts'
import { settler } from './settler.ts'
import { unixNameOf } from './upstreams/numbers.ts'

/** Records and bytes that one crossing can carry. */
const [maxRecords, arenaBytes, leastArenaBytes] = [1_024, 1_048_576, 262_144]

type OpenPlan = Omit<CrossingPlan, 'listeners'> & { readonly listeners: string[] }

export type RelayOptions = {
  readonly native: Native
  readonly ownThread: boolean
  readonly plans: readonly Omit<CrossingPlan, 'listeners'>[]
  readonly idOf: (native: number) => number
  readonly maxPendingBytes: number
  readonly maxPipeBytes: number
  readonly lingerMs: number
  readonly transport: NativeOptions['transport']
  readonly ioUring: boolean
  readonly sharing: NativeOptions['sharing']
  readonly draining: Int32Array | undefined
  readonly shard: number
  readonly cpu: number
  /** The first of the shards, of other ones. */
  readonly first: NativeRelay | undefined
  readonly debug: boolean
  readonly lookUp: LookUp
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly sessionEvents: boolean
  readonly onError: (error: unknown, session: Session | undefined) => void
}

/** A bound endpoint with the pipeline it belongs to. */
export type BoundAddress = NativeAddress & { readonly pipeline: number }

/** A session as the addon lists it, with its pipeline, its place in it and its addresses as text. */
export type ListedSession = {
  readonly native: NativeSession
  readonly pipeline: number
  readonly path: string
  readonly downstream: string
  readonly upstream: string | undefined
}

export type Relay = {
  readonly native: NativeRelay
  readonly addresses: readonly BoundAddress[]
  /** Resolves when the addon has told everything. */
  readonly closed: Promise<void>
  /** One row of counters a plan. */
  counters(): CounterRow[]
  /** One row of what a generator has measured a plan. */
  loads(): Float64Array[]
  /** None once it is closed. */
  sessions(): Promise<readonly ListedSession[]>
  /** The members of its sets. None once it is closed. */
  members(): Promise<readonly NativeMember[]>
  /** What the listeners of a pipeline are called. */
  listeners(pipeline: number): readonly string[]
  /** Ends a session; one that is over is ignored. */
  endSession(native: number, how: 'close' | 'reset'): void
}

/** Binds the listeners, and accepts nothing yet. Throws the addon's system errors. */
export function openRelay(options: RelayOptions): Relay {
  const records = new ArrayBuffer(maxRecords * recordBytes)
  const arena = options.ownThread ? new ArrayBuffer(leastArenaBytes) : lastingBuffer(arenaBytes) // no handler sees the former
  const plans = options.plans.map((plan): OpenPlan => ({ ...plan, listeners: [] }))
  const { promise: closed, resolve } = settler<undefined>()
  const onClosed = (): void => resolve(undefined)
  const crossing = createCrossing({ ...options, records, arena, plans, relay: () => relay, onClosed })
  const check = (one: (count: number) => void) => (options.debug ? checked(one, () => counters(), options.onError) : one)
  const relay: NativeRelay = new options.native.Relay({
    plans: plans.map((plan) => plan.compiled.plan),
    ownThread: options.ownThread,
    wantEvents: options.onEvents !== undefined && options.sessionEvents,
    maxPendingBytes: options.maxPendingBytes,
    maxPipeBytes: options.maxPipeBytes,
    lingerMs: options.lingerMs,
    transport: options.transport,
    ioUring: options.ioUring,
    sharing: options.sharing,
    draining: options.draining,
    shard: options.shard,
    cpu: options.cpu,
    first: options.first,
    onLookups: (lookups) => {
      for (const { session, name } of lookups) void options.lookUp(name).then((found) => relay.answerLookup(session, name, found.map((address) => ({ address, port: 0 }))))
    },
    onRecords: check(crossing),
    records,
    arena,
    datagrams: datagramsFor(options, plans, () => relay, check),
  })
  const addresses = relay.addresses().map((address) => ({ ...address, pipeline: plans[address.plan]?.pipeline ?? 0 }))
  for (const address of addresses) plans[address.plan]?.listeners.push(listenerText(address))

  const rowsOf = (width: number, read: (into: Float64Array) => void): Float64Array[] => {
    const all = new Float64Array(plans.length * width)
    read(all)
    return plans.map((_, i) => all.subarray(i * width, (i + 1) * width))
  }
  const counters = (): CounterRow[] =>
    rowsOf(counterNames.length, (into) => relay.readCounters(into)).map((values, i) => ({ kind: plans[i]?.compiled.plan.kind ?? 'stream', values }))
  const listed = (native: NativeSession): ListedSession => {
    const plan = plans[native.plan]
    const node = plan?.compiled.nodes[native.node]
    const unix = plan?.listeners.find((listener) => listener.startsWith('unix:'))
    return {
      native,
      pipeline: plan?.pipeline ?? 0,
      path: node?.path ?? '',
      downstream: addressText(native.downstream, 0, unix) ?? '',
      upstream: addressText(native.upstream, 0, node === undefined ? undefined : unixNameOf(node)),
    }
  }
  return {
    native: relay,
    addresses,
    closed,
    counters,
    loads: () => rowsOf(loadNumbers, (into) => relay.readLoad(into)),
    sessions: () => Promise.race([new Promise<readonly ListedSession[]>((resolve) => relay.sessions((list) => resolve(list.map(listed)))), closed.then(() => [])]),
    members: () => Promise.race([new Promise<readonly NativeMember[]>((resolve) => relay.members(resolve)), closed.then(() => [])]),
    listeners: (pipeline) => plans.find((plan) => plan.pipeline === pipeline)?.listeners ?? [],
    endSession: (native, how) => relay.endSession(native, EndHow[how]),
  }
}

/** The memory and the crossing of datagrams, where a plan has them. No handler sees them where no node is in JS. */
function datagramsFor(
  options: RelayOptions,
  plans: readonly CrossingPlan[],
  relay: () => NativeRelay,
  check: (crossing: (count: number) => void) => (count: number) => void,
): NativeDatagrams | undefined {
  const members = plans.filter(({ compiled }) => compiled.plan.kind === 'datagram')
  if (members.length === 0) return undefined
  const memory = datagramMemory(!options.ownThread && members.some(({ compiled }) => compiled.hasJs))
  return { ...memory, onBatch: check(createDatagramCrossing({ ...options, ...memory, plans, relay })) }
}

/** What a bound endpoint is called in sessions and events. */
export function listenerText({ net, address, port }: NativeAddress): string {
  return net === 'unix' ? `unix:${address}` : formatHostPort(address, port)
}

/** The debugging crossing: the books have to balance whenever JS is called. */
function checked(crossing: (count: number) => void, counters: () => CounterRow[], onError: RelayOptions['onError']): (count: number) => void {
  return (count) => {
    crossing(count)
    const ledger = ledgerOf([counters()])
    if (!ledger.balanced) onError(new RelayError(`the ledger does not balance: ${JSON.stringify(ledger)}`, { code: 'ERR_MILLRACE_UNBALANCED' }), undefined)
  }
}
