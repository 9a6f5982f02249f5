/** A running server: what its relays say, put together. */
import { misuse } from './errors.ts'
import { ledgerOf } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { checkMs, checkNames, checkWord, shown } from './options.ts'
import { listenerText } from './relay.ts'
import type { ListedSession, Relay } from './relay.ts'

/** A bound endpoint. */
export type ServerAddress = {
  /** The pipeline's place among those given to `serve`. */
  readonly pipeline: number
  readonly net: 'tcp' | 'unix'
  /** An IP address without brackets, or a path. */
  readonly address: string
  /** The port that was bound; 0 for a Unix socket. */
  readonly port: number
  readonly family: 'IPv4' | 'IPv6' | 'unix'
  /** As in events and sessions: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/x.sock`. */
  readonly text: string
}

/** A session at one moment. */
export type SessionInfo = {
  readonly id: number
  readonly pipeline: number
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
  /** Since it was accepted. */
  readonly ageMs: number
  /** Since a byte moved. */
  readonly idleMs: number
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
  /** The sessions that are open now. */
  sessions(): Promise<readonly SessionInfo[]>
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

/** A relay and, plan by plan, the pipelines it runs. */
export type ServerRelay = { readonly relay: Relay; readonly pipelines: readonly number[] }

/** From the addon's id of a session to one that is unique in a server of several relays. */
export function idIn(relays: number, relay: number): (native: number) => number {
  return (native) => native * relays + relay
}

/** `stop` is called at the first `close`. */
export function createServer(relays: readonly ServerRelay[], explain: string, stop: () => void): Server {
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
    addresses: relays
      .flatMap(({ relay }) => relay.addresses)
      .map((bound) => ({ pipeline: bound.pipeline, net: bound.net, address: bound.address, port: bound.port, family: bound.family, text: listenerText(bound) }))
      .toSorted((a, b) => a.pipeline - b.pipeline),
    ledger: () => ledgerOf(rowsInOrder(relays)),
    async sessions() {
      const lists = await Promise.all(relays.map(async ({ relay }, place) => (await relay.sessions()).map(infoFor(idIn(relays.length, place)))))
      return lists.flat().toSorted((a, b) => a.id - b.id)
    },
    endSession(id, how = 'close') {
      if (!Number.isSafeInteger(id) || id < 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'endSession', `id must be that of a session, not ${shown(id)}`)
      checkWord('endSession', 'how', how, ['close', 'reset'])
      relays[id % relays.length]?.relay.endSession(Math.floor(id / relays.length), how)
    },
    explain,
    close,
    closed,
    [Symbol.asyncDispose]: () => close({ drainMs: 0 }),
  }
}

/** The counters of all plans in the order of their pipelines. */
function rowsInOrder(relays: readonly ServerRelay[]): Float64Array[] {
  const rows = relays.flatMap(({ relay, pipelines }) => relay.counters().map((row, i) => ({ row, pipeline: pipelines[i] ?? 0 })))
  return rows.toSorted((a, b) => a.pipeline - b.pipeline).map(({ row }) => row)
}

function infoFor(idOf: (native: number) => number): (session: ListedSession) => SessionInfo {
  return ({ native, pipeline, path, downstream, upstream }) => ({
    id: idOf(native.id),
    pipeline,
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
  })
}
