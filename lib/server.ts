/** A running server: what its relays say, put together. */
import { misuse } from './errors.ts'
import { ledgerOf } from './ledger.ts'
import type { CounterRow, Ledger } from './ledger.ts'
import { loadOf } from './load.ts'
import type { LoadReport } from './load.ts'
import { checkMs, checkNames, checkWord, shown } from './options.ts'
import { listenerText } from './relay.ts'
import type { BoundAddress, Relay } from './relay.ts'
import type { Kind } from './part.ts'
import { infoFor } from './session-info.ts'
import type { SessionInfo } from './session-info.ts'
import type { UpstreamControl } from './upstreams/control.ts'
import type { UpstreamInfo } from './upstreams/info.ts'
import type { MemberLike } from './upstreams/member.ts'
import type { UpstreamSet } from './upstreams/upstreams.ts'

export type { LoadReport } from './load.ts'
export type { SessionInfo } from './session-info.ts'

/** A bound endpoint. */
export type ServerAddress = {
  /** The pipeline's place among those given to `serve`. */
  readonly pipeline: number
  readonly net: 'tcp' | 'udp' | 'unix'
  /** An IP address without brackets, or a path. */
  readonly address: string
  /** The port that was bound; 0 for a Unix socket. */
  readonly port: number
  readonly family: 'IPv4' | 'IPv6' | 'unix'
  /** As in events and sessions: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/x.sock`. */
  readonly text: string
  /** Of a UDP socket: the receive buffer that the kernel gave, which may be less than `listen` asked for. */
  readonly receiveBufferBytes?: number
}

/** The options of `Server.close`. */
export type CloseOptions = {
  /** Milliseconds that sessions have to end by themselves, 0 (at once) to 2147483647; default 30000. */
  readonly drainMs?: number
}

/** What `serve` gives. */
export type Server = {
  /** What is bound, pipeline by pipeline, in the order of their endpoints. */
  readonly addresses: readonly ServerAddress[]
  /** What was accepted and relayed so far; also after the end. */
  ledger(): Ledger
  /** What `generate` pipelines have measured so far; undefined where there is none. Also after the end. */
  load(): LoadReport | undefined
  /** The sessions that are open now, flows of datagrams among them. */
  sessions(): Promise<readonly SessionInfo[]>
  /** The members of all sets of upstreams, for each loop that has them. */
  upstreams(): Promise<readonly UpstreamInfo[]>
  /**
   * Gives a set other members while it is served: the set is the object that `forward` was given, and its options stay. Sessions that are open go on, wherever they are; members that
   * were there before keep their health and their counts. A loop knows with its next turn, and when it answers `upstreams()`; members whose names have no address yet change nothing until they have. Throws ERR_MILLRACE_BAD_PIPELINE for a set that is not served and for members of another kind, and what `upstreams` throws.
   */
  setUpstreams<K extends Kind>(set: UpstreamSet<K>, members: readonly MemberLike<NoInfer<K>>[]): void
  /** Ends one session, cleanly or by RST; an id that is not open is ignored. Throws ERR_MILLRACE_BAD_OPTION. */
  endSession(id: number, how?: 'close' | 'reset'): void
  /** What `explain` says about all pipelines. */
  readonly explain: string
  /**
   * Stops accepting, lets sessions end within `drainMs` and resets those left, with `serverClosed`. Called again it can only shorten the time.
   * Rejects with ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
   */
  close(options?: CloseOptions): Promise<void>
  /** Resolves when everything is closed and told. */
  readonly closed: Promise<void>
  /** `close({ drainMs: 0 })`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** A relay, plan by plan the pipelines it runs, and the shard it belongs to. */
export type ServerRelay = { readonly relay: Relay; readonly pipelines: readonly number[]; readonly shard: number }

/** Which of several servers it is whose sessions are to have ids that no two have. */
export type Place = { readonly number: number; readonly of: number }

/**
 * From the addon's id of a session to one that no other session of the server has, of several relays, nor of the servers beside it. The
 * addon's are below 2^46, so there is room for 128 relays in all.
 */
export function idIn(relays: number, relay: number, { number, of }: Place): (native: number) => number {
  return (native) => (native * relays + relay) * of + number
}

/** `stop` is called at the first `close`. */
export function createServer(relays: readonly ServerRelay[], place: Place, explain: string, sets: Pick<UpstreamControl, 'list' | 'setMembers'>, stop: () => void): Server {
  const closed = Promise.all(relays.map(({ relay }) => relay.closed)).then(() => undefined)
  void closed.then(stop)
  const close = async (options: CloseOptions = {}): Promise<void> => {
    checkNames('close', options, ['drainMs'])
    const drainMs = checkMs('close', 'drainMs', options.drainMs ?? 30_000, 'at once')
    stop()
    for (const { relay } of relays) relay.native.close(drainMs)
    return closed
  }
  return {
    addresses: addressesOf(relays),
    ledger: () => ledgerOf(rowsByShard(relays)),
    load: () => loadOf(relays.flatMap(({ relay }) => relay.loads())),
    async sessions() {
      const lists = await Promise.all(relays.map(async ({ relay }, at) => (await relay.sessions()).map(infoFor(idIn(relays.length, at, place)))))
      return lists.flat().toSorted((a, b) => a.id - b.id)
    },
    upstreams: sets.list,
    setUpstreams: sets.setMembers,
    endSession(id, how = 'close') {
      if (!Number.isSafeInteger(id) || id < 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'endSession', `id must be that of a session, not ${shown(id)}`)
      checkWord('endSession', 'how', how, ['close', 'reset'])
      if (id % place.of !== place.number) return
      const own = Math.floor(id / place.of)
      relays[own % relays.length]?.relay.endSession(Math.floor(own / relays.length), how)
    },
    explain,
    close,
    closed,
    [Symbol.asyncDispose]: () => close({ drainMs: 0 }),
  }
}

/** All shards have the same. */
export function addressesOf(relays: readonly ServerRelay[]): readonly ServerAddress[] {
  const bound = relays.flatMap(({ relay, shard }) => (shard === 0 ? relay.addresses : []))
  return bound.map(addressOf).toSorted((a, b) => a.pipeline - b.pipeline)
}

function addressOf(bound: BoundAddress): ServerAddress {
  const { pipeline, net, address, port, family, receiveBufferBytes } = bound
  return { pipeline, net, address, port, family, text: listenerText(bound), ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }) }
}

/** The counters of each shard, in the order of their pipelines. */
export function rowsByShard(relays: readonly ServerRelay[]): CounterRow[][] {
  const shards = new Set(relays.map(({ shard }) => shard))
  return [...shards].map((shard) => {
    const members = relays.filter((one) => one.shard === shard)
    const rows = members.flatMap(({ relay, pipelines }) => relay.counters().map((row, i) => ({ row, pipeline: pipelines[i] ?? 0 })))
    return rows.toSorted((a, b) => a.pipeline - b.pipeline).map(({ row }) => row)
  })
}
