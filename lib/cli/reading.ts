/** One look at the ledger of a running server, and what has moved between two of them: what the lines of `--stats`, `sink` and `blast` are made of. */
import type { Account, Bytes, Datagrams, DropReason } from '../ledger.ts'
import { dropReasons } from '../ledger.ts'
import type { Kind } from '../part.ts'
import type { Running } from './running.ts'

type Count = { readonly open: number; readonly accepted: number }

/** One direction: what has reached its goal, a socket or the sink itself where the sink is the goal. */
export type Moved = { readonly bytes: number; readonly datagrams: number }

/** The nonzero ones. */
export type Dropped = Readonly<Partial<Record<DropReason, Moved>>>

const nothing: Moved = { bytes: 0, datagrams: 0 }

export type Reading = {
  readonly atMs: number
  /** Undefined where no pipeline is of that kind. */
  readonly streams: Count | undefined
  readonly flows: Count | undefined
  readonly toUpstream: Moved
  readonly toDownstream: Moved
  readonly pendingBytes: number
  /** Of both directions. */
  readonly dropped: Dropped
  readonly balanced: boolean
  /** Everything, for `--json`. */
  readonly account: Account
  /** Each of them, where there are several. */
  readonly shards: readonly ShardReading[]
  readonly shardName: 'shard' | 'worker'
}

export type ShardReading = { readonly sessions: Count; readonly pendingBytes: number; readonly dropped: Dropped } & Ways
type Ways = { readonly toUpstream: Moved; readonly toDownstream: Moved }

/** What came about between two readings: a second's worth of it, but for what was dropped. */
export type Rates = {
  readonly sessions: number
  readonly flows: number
  readonly toUpstream: Moved
  readonly toDownstream: Moved
  /** In all that time. */
  readonly dropped: Dropped
  readonly shards: readonly ShardRates[]
}

export type ShardRates = { readonly sessions: number } & Ways

export function read(server: Running, pipelines: readonly { readonly kind: Kind }[]): Reading {
  const ledger = server.ledger()
  const countOf = (kind: Kind): Count | undefined => {
    const members = ledger.pipelines.filter((_, place) => pipelines[place]?.kind === kind)
    return members.length === 0 ? undefined : { open: sum(members, ({ sessions }) => sessions.open), accepted: sum(members, ({ sessions }) => sessions.accepted) }
  }
  const { sessions: _, ...whole } = shardReading(ledger)
  return {
    ...whole,
    atMs: performance.now(),
    streams: countOf('stream'),
    flows: countOf('datagram'),
    balanced: ledger.balanced,
    account: ledger,
    shards: ledger.shards.length > 1 ? ledger.shards.map(shardReading) : [],
    shardName: server.shardName ?? 'shard',
  }
}

function shardReading({ sessions, toUpstream, toDownstream, datagrams }: Account): ShardReading {
  return {
    sessions,
    toUpstream: moved(toUpstream, datagrams.toUpstream),
    toDownstream: moved(toDownstream, datagrams.toDownstream),
    pendingBytes: toUpstream.pending + toDownstream.pending,
    dropped: droppedOf(datagrams.toUpstream, datagrams.toDownstream),
  }
}

/** The reasons that have dropped anything, in their order. */
export function droppedOf(...directions: readonly Datagrams[]): Dropped {
  const dropped: Partial<Record<DropReason, Moved>> = {}
  for (const reason of dropReasons) {
    const datagrams = sum(directions, (direction) => direction.dropped[reason].datagrams)
    if (datagrams > 0) dropped[reason] = { datagrams, bytes: sum(directions, (direction) => direction.dropped[reason].bytes) }
  }
  return dropped
}

export function ratesBetween(before: Reading, now: Reading): Rates {
  // At the end the time may be next to nothing, and no rate comes of that.
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000)
  const rate = (earlier = 0, later = 0): number => (later - earlier) / seconds
  const rates = (earlier: Moved, later: Moved): Moved => ({ bytes: rate(earlier.bytes, later.bytes), datagrams: rate(earlier.datagrams, later.datagrams) })
  const ways = (earlier: Ways, later: Ways): Ways => ({
    toUpstream: rates(earlier.toUpstream, later.toUpstream),
    toDownstream: rates(earlier.toDownstream, later.toDownstream),
  })
  const flows = rate(before.flows?.accepted, now.flows?.accepted)
  return {
    sessions: rate(before.streams?.accepted, now.streams?.accepted) + flows,
    flows,
    ...ways(before, now),
    dropped: droppedSince(before.dropped, now.dropped),
    shards: now.shards.map((later, place) => {
      const earlier = before.shards[place]
      return { sessions: rate(earlier?.sessions.accepted, later.sessions.accepted), ...ways(earlier ?? later, later) }
    }),
  }
}

function droppedSince(before: Dropped, now: Dropped): Dropped {
  const since: Partial<Record<DropReason, Moved>> = {}
  for (const reason of dropReasons) {
    const [earlier = nothing, later = nothing] = [before[reason], now[reason]]
    if (later.datagrams > earlier.datagrams) since[reason] = { datagrams: later.datagrams - earlier.datagrams, bytes: later.bytes - earlier.bytes }
  }
  return since
}

function moved(bytes: Bytes, datagrams: Datagrams): Moved {
  return { bytes: bytes.sent + bytes.consumed, datagrams: datagrams.sent + datagrams.consumed }
}

function sum<T>(list: readonly T[], value: (one: T) => number): number {
  return list.reduce((total, one) => total + value(one), 0)
}
