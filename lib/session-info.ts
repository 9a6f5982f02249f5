/** Sessions and flows as `server.sessions()` lists them. */
import type { NativeSession } from './native.ts'
import type { Kind } from './part.ts'
import type { ListedSession } from './relay.ts'

/** Datagrams, and the bytes in them. */
export type FlowCounts = { readonly datagrams: number; readonly bytes: number }

/** What one direction of a flow has seen; the words are those of the ledger. */
export type FlowDirection = Readonly<Record<(typeof names)[number], FlowCounts>>

/** A session at one moment: an accepted stream, or a flow of datagrams. */
export type SessionInfo = {
  readonly id: number
  readonly pipeline: number
  readonly kind: Kind
  /** Where it is in the pipeline: `inspect[1]`, `route[1].when[0].forward[0]`. */
  readonly node: string
  readonly state: string
  readonly downstream: string
  readonly upstream: string | undefined
  /** Bytes sent on. */
  readonly bytesToUpstream: number
  readonly bytesToDownstream: number
  /** Bytes taken and not yet sent on. */
  readonly pendingToUpstream: number
  readonly pendingToDownstream: number
  /** Since it was accepted, or its first datagram. */
  readonly ageMs: number
  /** Since a byte or a datagram moved. */
  readonly idleMs: number
  /** Of a flow only. */
  readonly datagrams?: { readonly toUpstream: FlowDirection; readonly toDownstream: FlowDirection }
}

const names = ['received', 'produced', 'sent', 'consumed', 'dropped', 'pending'] as const

/** `idOf`: from the addon's id to that of the server. */
export function infoFor(idOf: (native: number) => number): (session: ListedSession) => SessionInfo {
  return ({ native, pipeline, path, downstream, upstream }) => ({
    id: idOf(native.id),
    pipeline,
    kind: native.kind,
    node: path,
    state: native.state,
    downstream,
    upstream,
    bytesToUpstream: native.bytesToUpstream,
    bytesToDownstream: native.bytesToDownstream,
    pendingToUpstream: native.pendingToUpstream,
    pendingToDownstream: native.pendingToDownstream,
    ageMs: native.ageMs,
    idleMs: native.idleMs,
    ...(native.counts === undefined ? {} : { datagrams: { toUpstream: directionFrom(native.counts, 0), toDownstream: directionFrom(native.counts, 1) } }),
  })
}

function directionFrom(counts: NonNullable<NativeSession['counts']>, direction: number): FlowDirection {
  const at = (i: number): FlowCounts => {
    const place = 2 * (direction * names.length + i)
    return { datagrams: counts[place] ?? 0, bytes: counts[place + 1] ?? 0 }
  }
  return { received: at(0), produced: at(1), sent: at(2), consumed: at(3), dropped: at(4), pending: at(5) }
}
