/** The ledger: what was accepted and what became of it, and the same for every byte and every datagram. */
import type { Kind } from './part.ts'

/** Why a session ended. The order is that of `addon/relay/reason.h`; a test compares the two. */
export const closeReasons = [
  'finished',
  'resetByDownstream',
  'resetByUpstream',
  'idleTimeout',
  'halfCloseTimeout',
  'maxDuration',
  'headTimeout',
  'headTooLarge',
  'headIncomplete',
  'denied',
  'limited',
  'rejected',
  'handlerError',
  'closedByHandler',
  'resetByHandler',
  'closedByPlan',
  'resetByPlan',
  'connectRefused',
  'connectTimeout',
  'connectUnreachable',
  'connectFailed',
  'nameUnresolved',
  'descriptorLimit',
  'pendingLimit',
  'serverClosed',
  'ioError',
  'evicted',
  'malformed',
  'loginFailed',
  'proxyFailed',
  'noUpstream',
  'queueFull',
  'queueTimeout',
  'upstreamUnhealthy',
] as const

/**
 * One of `closeReasons`. Of a set of upstreams: `noUpstream`, no member can be used; `queueFull`, all have their `maxSessions` and there is no room to
 * wait; `queueTimeout`, waited in vain; `upstreamUnhealthy`, the member was found down and the set has `closeOnUnhealthy`.
 */
export type CloseReason = (typeof closeReasons)[number]

/**
 * Why a datagram was dropped. The order is that of `addon/relay/datagram/drop_reason.h`; a test compares the two. `kernelOverflow`: the
 * receive buffer was full, and how many bytes it was is not known. `noFlow`: a late one of a flow that is over. `tableFull`, `evicted`: no
 * room for its flow, or its flow made room for another. `policy`: `allow`, `deny`, `limit`, `throttle` or `close`. `handler`: a filter, or what
 * a handler threw. `unreachable`: no route, or no address of a name. `truncated`: larger than a slot. `sendBufferFull`, `tooLarge`: refused by the
 * kernel. `expired`: its flow ended while it waited. `malformed`: its sink has no answer to it.
 */
export const dropReasons = [
  'kernelOverflow',
  'noFlow',
  'tableFull',
  'evicted',
  'policy',
  'handler',
  'unreachable',
  'truncated',
  'sendBufferFull',
  'tooLarge',
  'expired',
  'malformed',
] as const

/** One of `dropReasons`. */
export type DropReason = (typeof dropReasons)[number]

const datagramNames = ['received', 'produced', 'sent', 'consumed', 'pending', 'crossed'] as const
const socketNames = ['icmpErrors', 'segmentedSends', 'segmentationFallbacks'] as const
const pipeNames = ['inUse', 'capacityBytes', 'bytes'] as const
const byteNames = ['received', 'produced', 'sent', 'consumed', 'dropped', 'pending', 'crossed'] as const

/** The order in which the addon writes its counters, one row a plan. */
export const counterNames: readonly string[] = [
  'accepted',
  'open',
  'closed',
  ...byteNames.map((name) => `toUpstream.${name}`),
  ...byteNames.map((name) => `toDownstream.${name}`),
  ...closeReasons.map((name) => `reason.${name}`),
  ...['toUpstream', 'toDownstream'].flatMap((direction) => [
    ...datagramNames.map((name) => `datagrams.${direction}.${name}`),
    ...dropReasons.map((name) => `dropped.${direction}.${name}`),
    ...dropReasons.map((name) => `droppedBytes.${direction}.${name}`),
  ]),
  ...socketNames,
  ...pipeNames.map((name) => `pipes.${name}`),
]

/**
 * The bytes of one direction. Received from the source or produced by a handler or an echo = sent to the destination, consumed by
 * a handler or a sink, or by the stage that a header is for, dropped, or pending. `crossed` are those that entered JS, counted beside.
 */
export type Bytes = Readonly<Record<(typeof byteNames)[number], number>>

/** Datagrams that were dropped for one reason, and the bytes in them. */
export type Dropped = { readonly datagrams: number; readonly bytes: number }

/**
 * The datagrams of one direction, in a pipeline of datagrams; the same as for bytes, but what was dropped has a reason. `crossed` are those that
 * entered JS, counted beside.
 */
export type Datagrams = Readonly<Record<(typeof datagramNames)[number], number>> & { readonly dropped: Readonly<Record<DropReason, Dropped>> }

/** All about datagrams; in a pipeline of streams those of clients of `socks5`, whose bytes are in its `toUpstream` and `toDownstream` too. */
export type DatagramAccount = {
  readonly toUpstream: Datagrams
  readonly toDownstream: Datagrams
  /** Errors such as ECONNREFUSED that the kernel has told about datagrams sent before, which count as sent: see udp(7). */
  readonly icmpErrors: number
  /** Sends of several datagrams as one, by UDP_SEGMENT. */
  readonly segmentedSends: number
  /** Of those, refused by the kernel and sent again one by one. */
  readonly segmentationFallbacks: number
}

/**
 * Kernel pipes in which a spliced direction has bytes that its destination has refused: how many there are, what they would hold in full pages, which is what
 * `maxPipeBytes` is about, and what is in them; these bytes are pending.
 */
export type Pipes = Readonly<Record<(typeof pipeNames)[number], number>>

/** What one pipeline has accepted and relayed. */
export type Account = {
  readonly sessions: { readonly accepted: number; readonly open: number; readonly closed: number }
  readonly reasons: Readonly<Record<CloseReason, number>>
  readonly toUpstream: Bytes
  readonly toDownstream: Bytes
  readonly datagrams: DatagramAccount
  /** Zero in a pipeline of datagrams. */
  readonly pipes: Pipes
  /**
   * Whether accepted = open + closed, closed = the sum of the reasons, and the bytes and the datagrams of both directions add up; for
   * datagrams also the bytes that were dropped with what the reasons say.
   */
  readonly balanced: boolean
}

/** The sum over all pipelines; each of them, in the order they were given to `serve`; and all of them in each shard, one where `serve` made no more. */
export type Ledger = Account & { readonly pipelines: readonly Account[]; readonly shards: readonly Account[] }

/** The counters of one pipeline, in the order of `counterNames`. */
export type CounterRow = { readonly kind: Kind; readonly values: Float64Array }

/** Makes a ledger of the counters: a list for each shard, with a row for each pipeline. */
export function ledgerOf(shards: readonly (readonly CounterRow[])[]): Ledger {
  const pipelines = (shards[0] ?? []).map((_, place) => sumOf(shards.flatMap((rows) => rows[place] ?? [])))
  return { ...sumOf(shards.flat()), pipelines, shards: shards.map(sumOf) }
}

/** A sum balances where every row does. */
function sumOf(rows: readonly CounterRow[]): Account {
  const [first] = rows
  if (rows.length === 1 && first !== undefined) return accountOf(first.values, first.kind)
  const sum = new Float64Array(counterNames.length)
  for (const { values } of rows) values.forEach((value, i) => (sum[i] = (sum[i] ?? 0) + value))
  return { ...accountOf(sum, 'stream'), balanced: rows.every(({ kind, values }) => accountOf(values, kind).balanced) }
}

function accountOf(row: Float64Array, kind: Kind): Account {
  const next = readerOf(row)
  const sessions = { accepted: next(), open: next(), closed: next() }
  const [toUpstream, toDownstream] = [record(byteNames, next), record(byteNames, next)]
  const reasons = record(closeReasons, next)
  const datagrams = { toUpstream: datagramsFrom(next), toDownstream: datagramsFrom(next), ...record(socketNames, next) }
  const pipes = record(pipeNames, next)
  const ended = closeReasons.reduce((sum, reason) => sum + reasons[reason], 0)
  const balanced =
    sessions.accepted === sessions.open + sessions.closed &&
    sessions.closed === ended &&
    addsUp(toUpstream, toUpstream.dropped) &&
    addsUp(toDownstream, toDownstream.dropped) &&
    datagramsAddUp(datagrams.toUpstream, toUpstream, kind) &&
    datagramsAddUp(datagrams.toDownstream, toDownstream, kind)
  return { sessions, reasons, toUpstream, toDownstream, datagrams, pipes, balanced }
}

/** Reads one counter after the other. */
function readerOf(row: Float64Array): () => number {
  let i = 0
  return () => row[i++] ?? 0
}

function datagramsFrom(next: () => number): Datagrams {
  const counts = record(datagramNames, next)
  const [datagrams, bytes] = [record(dropReasons, next), record(dropReasons, next)]
  return { ...counts, dropped: recordOf(dropReasons, (reason) => ({ datagrams: datagrams[reason], bytes: bytes[reason] })) }
}

type Flow = { readonly received: number; readonly produced: number; readonly sent: number; readonly consumed: number; readonly pending: number }

function addsUp({ received, produced, sent, consumed, pending }: Flow, dropped: number): boolean {
  return received + produced === sent + consumed + dropped + pending
}

function datagramsAddUp(counts: Datagrams, bytes: Bytes, kind: Kind): boolean {
  const dropped = dropReasons.map((reason) => counts.dropped[reason])
  const droppedBytes = dropped.reduce((sum, one) => sum + one.bytes, 0)
  return addsUp(counts, dropped.reduce((sum, one) => sum + one.datagrams, 0)) && (kind === 'stream' || bytes.dropped === droppedBytes)
}

/** The next counters, by their names. */
function record<Name extends string>(names: readonly Name[], next: () => number): Readonly<Record<Name, number>> {
  return recordOf(names, next)
}

function recordOf<Name extends string, Value>(names: readonly Name[], valueOf: (name: Name) => Value): Readonly<Record<Name, Value>> {
  const made: Partial<Record<Name, Value>> = {}
  for (const name of names) made[name] = valueOf(name)
  if (!isComplete(names, made)) throw new Error('a name has no counter')
  return made
}

function isComplete<Name extends string, Value>(names: readonly Name[], made: Partial<Record<Name, Value>>): made is Record<Name, Value> {
  return names.every((name) => name in made)
}
