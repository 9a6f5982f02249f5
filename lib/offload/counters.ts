/**
 * The counters of a table, and what they say as a row of the ledger.
 *
 * nftables counts what passes a hook: a packet, or a train of several that GRO or a sender's GSO has joined behind one header, with all its
 * bytes. Headers are taken off exactly: 20 or 40 bytes of IP (options of IPv4, which hardly anybody sends, would count as payload), 8 of UDP,
 * and of TCP what its data offset says, for which there is a counter for each. So bytes are payload whatever was joined, while datagrams
 * are trains; and what TCP sends again is counted again.
 */
import { counterNames } from '../ledger.ts'
import type { CounterRow } from '../ledger.ts'
import type { Kind } from '../part.ts'
import type { Family } from './routes.ts'

export type Count = { readonly packets: number; readonly bytes: number }
export type Counts = ReadonlyMap<string, Count>

/** The TCP header in units of 4 bytes, RFC 9293 section 3.1. */
const dataOffsets = [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const
const [families, ways] = [[4, 6], ['up', 'down']] as const
const ipBytes: Readonly<Record<Family, number>> = { 4: 20, 6: 40 }
const udpBytes = 8

/**
 * The named counters of pipeline `i`. What was sent comes before what was received, because they are read in this order: so nothing is
 * ever read as sent that is not yet read as received.
 */
export function counterTexts(i: number, kind: Kind, of: readonly Family[]): readonly string[] {
  const places = (['out', 'in'] as const).flatMap((place) => ways.flatMap((way) => of.flatMap((family) => namesOf(`p${i}_${way}_${place}${family}`, kind))))
  const others = kind === 'stream' ? [`p${i}_denied`] : of.flatMap((family) => [`p${i}_denied${family}`, `p${i}_late${family}`])
  return [...places, ...others, `p${i}_accepted`].map((name) => `counter ${name} { }`)
}

function namesOf(prefix: string, kind: Kind): readonly string[] {
  return kind === 'stream' ? dataOffsets.map((offset) => `${prefix}_${offset}`) : [prefix]
}

/** The rule that counts at a place. */
export function countingRule(prefix: string, kind: Kind, family: Family): string {
  const map = dataOffsets.map((offset) => `${offset} : "${prefix}${family}_${offset}"`).join(', ')
  const counter = kind === 'stream' ? `meta l4proto tcp counter name tcp doff map { ${map} }` : `meta l4proto udp counter name "${prefix}${family}"`
  return `meta nfproto ipv${family} ${counter}`
}

const nothing: Count = { packets: 0, bytes: 0 }

/** Packets and their payload; `names` come with the bytes of headers that a packet has there. */
function payload(counts: Counts, names: readonly (readonly [name: string, headerBytes: number])[]): Count {
  return names.reduce((sum, [name, headerBytes]) => {
    const { packets, bytes } = counts.get(name) ?? nothing
    return { packets: sum.packets + packets, bytes: sum.bytes + bytes - packets * headerBytes }
  }, nothing)
}

function payloadAt(counts: Counts, prefix: string, kind: Kind): Count {
  return payload(counts, families.flatMap((family): readonly (readonly [string, number])[] =>
    kind === 'stream'
      ? dataOffsets.map((offset) => [`${prefix}${family}_${offset}`, ipBytes[family] + 4 * offset])
      : [[`${prefix}${family}`, ipBytes[family] + udpBytes]]))
}

function datagramsAt(counts: Counts, prefix: string): Count {
  return payloadAt(counts, prefix, 'datagram')
}

/** What is known of the sessions of a pipeline beside its counters. */
export type Sessions = {
  /** Undefined where the kernel does not tell: then all that have begun count as open. */
  readonly open: number | undefined
  /** After the end: sessions that were still open then. */
  readonly cut?: number
  /** After the end nothing is pending: what did not leave was dropped by other rules of the machine, or had no route. */
  readonly over: boolean
}

/** The ledger's row of pipeline `i`. */
export function rowOf(counts: Counts, i: number, kind: Kind, sessions: Sessions): CounterRow {
  const row = new Map<string, number>()
  const denied = kind === 'stream' ? (counts.get(`p${i}_denied`)?.packets ?? 0) : 0
  const begun = counts.get(`p${i}_accepted`)?.packets ?? 0
  const open = sessions.over ? 0 : Math.min(sessions.open ?? begun, begun)
  const cut = Math.min(sessions.cut ?? 0, begun)
  row.set('accepted', begun + denied).set('open', open).set('closed', begun - open + denied)
  row.set('reason.denied', denied).set('reason.serverClosed', cut)
  row.set(kind === 'stream' ? 'reason.finished' : 'reason.idleTimeout', begun - open - cut)
  for (const [way, direction] of [['up', 'toUpstream'], ['down', 'toDownstream']] as const) {
    addWay(row, direction, { kind, over: sessions.over, received: payloadAt(counts, `p${i}_${way}_in`, kind), sent: payloadAt(counts, `p${i}_${way}_out`, kind) })
  }
  if (kind === 'datagram') {
    addDropped(row, 'policy', datagramsAt(counts, `p${i}_denied`))
    addDropped(row, 'noFlow', datagramsAt(counts, `p${i}_late`))
  }
  return { kind, values: Float64Array.from(counterNames, (name) => row.get(name) ?? 0) }
}

type Way = { readonly kind: Kind; readonly over: boolean; readonly received: Count; readonly sent: Count }

function addWay(row: Map<string, number>, direction: string, { kind, over, received, sent }: Way): void {
  const rest = { packets: Math.max(0, received.packets - sent.packets), bytes: Math.max(0, received.bytes - sent.bytes) }
  const add = (name: string, value: number): unknown => row.set(name, (row.get(name) ?? 0) + value)
  add(`${direction}.received`, sent.bytes + rest.bytes)
  add(`${direction}.sent`, sent.bytes)
  add(over ? `${direction}.dropped` : `${direction}.pending`, rest.bytes)
  if (kind === 'stream') return
  add(`datagrams.${direction}.received`, sent.packets + rest.packets)
  add(`datagrams.${direction}.sent`, sent.packets)
  if (!over) add(`datagrams.${direction}.pending`, rest.packets)
  else row.set(`dropped.${direction}.unreachable`, rest.packets).set(`droppedBytes.${direction}.unreachable`, rest.bytes)
}

/** What never got further than the rules of ours. */
function addDropped(row: Map<string, number>, reason: string, { packets, bytes }: Count): void {
  const add = (name: string, value: number): unknown => row.set(name, (row.get(name) ?? 0) + value)
  add('toUpstream.received', bytes)
  add('toUpstream.dropped', bytes)
  add('datagrams.toUpstream.received', packets)
  row.set(`dropped.toUpstream.${reason}`, packets).set(`droppedBytes.toUpstream.${reason}`, bytes)
}
