/**
 * The addon, as TypeScript sees it. This is the only file that loads it and the only one with casts: everything handed down
 * from here has been checked by `lib`, and the addon trusts it. Longer than 250 lines: it is one list.
 */
import { createRequire } from 'node:module'
import type { Plan, PlanEndpoint, PlanMatcher } from './plan.ts'
import type { ClientHello, HttpRequest, ProxyHeader, Reading } from './readings.ts'

/** What a record in the shared buffer tells. The numbers are those of `addon/relay/record.h`; a test compares them. */
export const RecordKind = {
  head: 1, // an ask node wants a verdict: bytes = the head
  chunk: 2, // a transform: bytes = one chunk; value = direction
  data: 3, // a stream sink: bytes = what the downstream sent
  end: 4, // a stream sink: the downstream has sent FIN
  drain: 5, // a stream sink that was told to wait may write again
  open: 6, // relaying began
  close: 7, // the session is over: reason, bytes, duration
  abandoned: 8, // the session of a pending decision is over
  notice: 9, // something about a listener: value = NoticeCode, extra = errno
  closed: 10, // the whole relay is over; nothing comes after this
  started: 11, // a stream sink took over the session
  proxied: 12, // before the first of these: a proxy speaks for the downstream, and was reached at the upstream address here: bytes = its TLVs
} as const

/** What JS answers to a `head` or `chunk` record, in the record's `verdict` field. */
export const Verdict = { later: 0, pass: 1, more: 2, answered: 3 } as const

export const Direction = { toUpstream: 0, toDownstream: 1 } as const

export const NoticeCode = { paused: 1, resumed: 2, acceptError: 3, eventsLost: 4, generated: 5, tableFull: 6, memberEjected: 7, memberBack: 8 } as const

/**
 * A record is `recordDoubles` float64 fields followed by two 20-byte addresses (family, 0, port big-endian, 16 address bytes;
 * family 0 = none, 1 = unix, 4, 6), `recordBytes` in all. Field numbers:
 */
export const Field = {
  kind: 0,
  session: 1,
  node: 2, // notice of a member: the upstream's number
  offset: 3, // into the arena
  length: 4, // notice of a member: its id
  value: 5, // head: 1 = the peer has sent FIN; chunk: direction; close: reason; notice: NoticeCode; data: pending bytes
  extra: 6, // notice: errno
  verdict: 7, // written by JS
  bytesToUpstream: 8,
  bytesToDownstream: 9,
  durationMs: 10,
  listener: 11, // plan × 65536 + the endpoint's place in `plan.listen`
} as const
export const recordDoubles = 12
export const recordBytes = 12 * 8 + 40
export const downstreamAddressAt = 12 * 8
export const upstreamAddressAt = 12 * 8 + 20

/** A row tells of one datagram in `rowInts` int32 fields. `offset` and `length` are those of its bytes in the arena. */
export const RowField = {
  offset: 0,
  length: 1,
  flowIndex: 2,
  flowGeneration: 3,
  node: 4,
  planAndDirection: 5, // plan × 2 + direction
  verdict: 6, // 0 to begin with; written by JS
  endpoint: 7, // the listener's place in `plan.listen`
  outOffset: 8, // written by JS, for a verdict of `replaced`
  outLength: 9,
  spare: 10,
  peer: 11, // 20 bytes: the address of the flow's downstream, in both directions
} as const
export const rowInts = 16

/** What becomes of a row's datagram. A sink has consumed what it passes. `answered`: a filter has, and replied itself. */
export const RowVerdict = { pass: 0, drop: 1, replaced: 2, replacedLate: 3, answered: 4 } as const

/** A reply goes in the direction opposite to that of its row. The first of the rows of `replyInts` int32 fields is their count. */
export const ReplyField = { row: 0, offset: 1, length: 2, area: 3 } as const
export const replyInts = 4
export const ReplyArea = { arena: 0, out: 1 } as const

/** A slot takes what the kernel has put together of one flow (UDP_GRO), up to 64 KiB, and then some. */
export const [datagramSlots, datagramSlotBytes] = [256, 65_856]
export const [maxRows, maxReplies, outBytes] = [4_096, 4_096, 1_048_576]

/** The memory in which datagrams cross. */
export type NativeDatagrams = {
  /** `datagramSlots` × `datagramSlotBytes`. Bytes in it are valid until `onBatch` returns. */
  readonly arena: ArrayBuffer
  /** `maxRows` rows. Those of one node and direction follow each other. */
  readonly rows: ArrayBuffer
  /** The count and `maxReplies` replies, 0 to begin with. */
  readonly replies: ArrayBuffer
  /** `outBytes`: what JS has made in this crossing, from 0 on. */
  readonly out: ArrayBuffer
  /** Called with the number of rows: all datagrams of a turn for nodes in JS. */
  readonly onBatch: (rows: number) => void
}

/** The addon's id of a flow; those of other sessions are below 2^45. */
export function flowId(index: number, generation: number): number {
  return 2 ** 45 + generation * 2 ** 21 + index
}

/** How to end a session from JS. */
export const EndHow = { close: 0, reset: 1, handlerError: 2, rejected: 3 } as const

export type ResolvedAddress = { readonly address: string; readonly port: number }

export type NativeOptions = {
  readonly plans: readonly Plan[]
  /** true: own thread, events only; false: on the calling thread's libuv loop, with everything. */
  readonly ownThread: boolean
  /** Whether open and close records are wanted for every session (they always come for sessions that JS knows). */
  readonly wantEvents: boolean
  /** Cap on pending bytes over all sessions. */
  readonly maxPendingBytes: number
  /** Cap on what all pipes can hold. */
  readonly maxPipeBytes: number
  /** Longest wait between FIN and close while the peer goes on sending. */
  readonly lingerMs: number
  /** How bytes move between two sockets. */
  readonly transport: 'auto' | 'copy' | 'splice'
  /** Whether several system calls of a turn may be one, where the kernel can. */
  readonly ioUring: boolean
  /** How listeners share their addresses: not at all; as the first of several, which finds them free; or as another one. */
  readonly sharing: 'none' | 'first' | 'another'
  /** How many relays with the same addresses are not done while closing: one number that all of them have. */
  readonly draining: Int32Array | undefined
  /** The number that its thread's name has, or -1. */
  readonly shard: number
  /** The CPU of its own thread, or -1: anywhere. */
  readonly cpu: number
  /** The first of the shards, of other ones: their limits count together. */
  readonly first: NativeRelay | undefined
  /** Called with the names that are wanted; `answerLookup` is to follow for each. */
  readonly onLookups: (lookups: readonly NativeLookup[]) => void
  /** Called with the number of records, which are then in `records` from 0 on; bytes are in `arena`. */
  readonly onRecords: (count: number) => void
  /** At least 256 × recordBytes. */
  readonly records: ArrayBuffer
  /** At least 256 KiB. Bytes in it are valid until `onRecords` returns. */
  readonly arena: ArrayBuffer
  /** Where a plan is of datagrams. */
  readonly datagrams: NativeDatagrams | undefined
}

/** A session waits for the addresses of a name. */
export type NativeLookup = { readonly session: number; readonly name: string }

/** Counter names in the order in which `readCounters` writes them, one row a plan. */
export type NativeSession = {
  readonly id: number
  readonly kind: 'stream' | 'datagram'
  /**
   * Of a flow: toUpstream, then toDownstream, each the datagrams and the bytes that it received, produced, sent, consumed, dropped and
   * has pending.
   */
  readonly counts?: ArrayLike<number>
  readonly node: number
  readonly plan: number
  readonly state: string
  readonly downstream: Uint8Array
  readonly upstream: Uint8Array
  readonly bytesToUpstream: number
  readonly bytesToDownstream: number
  readonly pendingToUpstream: number
  readonly pendingToDownstream: number
  readonly ageMs: number
  readonly idleMs: number
}

/** The wire of one plan's listener: the bound endpoint. */
export type NativeAddress = {
  readonly plan: number
  readonly net: 'tcp' | 'udp' | 'unix'
  readonly address: string
  readonly port: number
  readonly family: 'IPv4' | 'IPv6' | 'unix'
  /** Of a UDP socket: what the kernel gave. */
  readonly receiveBufferBytes?: number
}

/**
 * What `readLoad` writes for each plan: whether it is a generator (1), sent, received, lost, reordered, duplicated, failed sends, seconds,
 * the percentiles 50, 90, 99 and 99.9 and the largest of the latencies in microseconds, whether it is finished (1).
 */
export const loadNumbers = 14

/** A member of a set, as the addon is told of it. */
export type NativeMemberIs = {
  /** 1 to 65535, no two of a set the same. */
  readonly id: number
  readonly at: PlanEndpoint
  /** What names it, no two of a set the same: hashes go by it. */
  readonly key: string
  readonly weight: number
  /** The members of the lowest one that can be used are. */
  readonly tier: number
  readonly maxSessions: number
  readonly down: boolean
}

/** And what the addon knows of it: one that is not `present` has been taken out and has sessions left. `queued` is of the whole set. */
export type NativeMember = Readonly<Record<'plan' | 'upstream' | 'id' | 'present' | 'down' | 'ejectedMs' | 'open' | 'sessions' | 'failed' | 'queued', number>>

export interface NativeRelay {
  /** Chooses by CPU among the relays that share these addresses: the i-th of them has cpus[i]. When all are there, before `start`. */
  steer(cpus: readonly number[]): void
  /** Begins to accept. Where it fails everything is gone. */
  start(): void
  addresses(): NativeAddress[]
  /** Writes the counters of every plan into `into` (plans × counterNames.length float64). */
  readCounters(into: Float64Array): void
  /** Writes what generators have measured into `into` (plans × loadNumbers float64). */
  readLoad(into: Float64Array): void
  sessions(done: (list: NativeSession[]) => void): void
  /** The addresses of a named upstream, all of them; an empty list keeps what is known. */
  setUpstream(plan: number, upstream: number, addresses: readonly ResolvedAddress[]): void
  /** What a lookup has found, nothing where the name has no address; the port is the one that the session asks for. Ids that wait no longer are ignored. */
  answerLookup(session: number, name: string, addresses: readonly ResolvedAddress[]): void
  /** What a file of a plan has now; `done` is called when it holds, and never where the relay ends before. */
  setNetworks(plan: number, file: number, cidrs: readonly string[], done: () => void): void
  /** The members of a set, all of them. Those with a key that is there keep their sessions and counts; sessions of those that are left out go on. */
  setMembers(plan: number, upstream: number, members: readonly NativeMemberIs[]): void
  /** What a check has found of a member, by its id. `done` is called when the loop knows. */
  setHealth(plan: number, upstream: number, member: number, down: boolean, done: () => void): void
  members(done: (list: NativeMember[]) => void): void
  /**
   * Stops accepting, gives sessions `drainMs`, then resets what is left. A second call may shorten the time. Ends with a `closed` record; what
   * was never started is gone at once, without one.
   */
  close(drainMs: number): void
  /** Ends one session; unknown ids are ignored. `reply` is sent first where the way of ending allows it. */
  endSession(id: number, how: number, reply?: Uint8Array): void
  /** Answers an `ask`: go on to branch `branch`, with the first `consumed` bytes of the head replaced by `bytes`. */
  answerHead(id: number, node: number, branch: number, consumed: number, bytes?: Uint8Array): void
  /** Writes to a direction of a session whose sink or transform is JS. Returns pending bytes, or -1 where the session is gone. */
  write(id: number, direction: number, bytes: Uint8Array): number
  /**
   * Within `onBatch`: takes a copy of a reply to a row, or of what replaces it, for which there is no room in `replies` or `out`. Replies taken so
   * come after those in `replies`.
   */
  keepDatagram(row: number, isReply: boolean, bytes: Uint8Array): void
  /** Stream sink: FIN after all that was written. */
  endWrite(id: number): void
  /** Stream sink: stop and go on reading the downstream. */
  pause(id: number): void
  resume(id: number): void
}

/** What `probe` shall ask of the kernel, in bytes. */
export type NativeAsked = Readonly<Record<'receiveBufferBytes' | 'sendBufferBytes' | 'pipeBytes' | 'datagramBytes', number>>

/** What the kernel did. A number below 0 is -errno: that step failed. `addon/core/probe.h` says what each is. */
export type NativeProbe = Readonly<Record<(typeof probeNames)[number], number>>
export const probeNames = [
  ...(['receiveBufferBytes', 'sendBufferBytes', 'chargedBytes', 'reusePort', 'segmentedSend', 'trainDatagrams'] as const),
  ...(['trainReceived', 'pipeBytes', 'spliced', 'pageBytes'] as const),
] as const

/** A matcher, to be asked by itself. */
export interface NativeMatcher {
  match(bytes: Uint8Array, ended: boolean, datagram: boolean, from: string): 'yes' | 'no' | 'more'
}

export interface Native {
  readonly Matcher: new (plan: PlanMatcher) => NativeMatcher
  readClientHello(bytes: Uint8Array): Reading<ClientHello>
  readHttpRequest(bytes: Uint8Array): Reading<HttpRequest>
  readProxyHeader(bytes: Uint8Array): Reading<ProxyHeader>
  /** Keeps the calling thread, and those that it makes from then on, on one CPU. Throws system errors. */
  pinThread(cpu: number): void
  readonly Relay: new (options: NativeOptions) => NativeRelay
  readonly closeReasons: readonly string[]
  readonly dropReasons: readonly string[]
  readonly counterNames: readonly string[]
  readonly recordKinds: Readonly<Record<string, number>>
  readonly recordBytes: number
  /** Tries what the kernel gives, on sockets of its own on 127.0.0.1, in about a millisecond. */
  probe(asked: NativeAsked): NativeProbe
}

const require = createRequire(import.meta.url)

/** Loads the addon; MILLRACE_ADDON names another build of it (the sanitizer build, for instance). */
export function loadNative(): Native {
  const path = process.env['MILLRACE_ADDON'] ?? '../build/Release/millrace.node'
  return require(path) as Native
}
