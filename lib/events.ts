/** What happens to sessions and listeners, as `onEvents` and stream handlers are told. */
import type { CloseReason } from './ledger.ts'

/** Relaying has begun: the upstream is connected, or a sink without one has taken over. A flow of datagrams opens with its first one. */
export type OpenEvent = {
  readonly type: 'open'
  /** When it was told, in milliseconds since 1970. */
  readonly at: number
  /** The session's id, as in `sessions()`. */
  readonly session: number
  /** The pipeline's place among those given to `serve`. */
  readonly pipeline: number
  /** Who came: `127.0.0.1:5555`, `[::1]:5555`, `unix:/path`. */
  readonly downstream: string
  /** Where it came to. */
  readonly listener: string
  /** Where it went; undefined for a sink without an upstream. */
  readonly upstream: string | undefined
}

/** A session is over. Bytes are those that were sent on, in each direction. */
export type CloseEvent = {
  readonly type: 'close'
  readonly at: number
  readonly session: number
  readonly pipeline: number
  readonly downstream: string
  readonly listener: string
  /** Where it went, or was to go: of a proxy's client that was `denied` the address, by number or behind its name, that it was not to reach. */
  readonly upstream: string | undefined
  readonly reason: CloseReason
  /** What a handler said with `reject(…)`, or the message of what it threw. */
  readonly message?: string
  /** The system error behind the reason, such as `ECONNREFUSED`: see errno(3). */
  readonly error?: string
  readonly bytesToUpstream: number
  readonly bytesToDownstream: number
  /** From accept, or the first datagram, to the end. */
  readonly durationMs: number
}

/**
 * A listener has stopped accepting for lack of descriptors or memory, goes on, or met an error; events were lost because JS was too slow; or there
 * is no room for another flow of datagrams, told once a second at most, with an `error` where descriptors or memory ran out.
 */
export type ListenerNotice = {
  readonly type: 'notice'
  readonly code: 'paused' | 'resumed' | 'acceptError' | 'eventsLost' | 'tableFull'
  readonly at: number
  readonly pipeline: number
  readonly listener: string
  /** The system error, such as `EMFILE`. */
  readonly error?: string
}

/** A name of an upstream could not be resolved; addresses that are known go on being used, and it is tried again. */
export type NameNotice = {
  readonly type: 'notice'
  readonly code: 'nameUnresolved'
  readonly at: number
  readonly pipeline: number
  readonly listener: string
  readonly name: string
  readonly message: string
}

/** A file of networks (`file`) has changed, and what is in it holds from now on; or it cannot be read or has a wrong line, which the message names, and what it had before stays. */
export type FileNotice = {
  readonly type: 'notice'
  readonly code: 'fileChanged' | 'fileUnusable'
  readonly at: number
  readonly pipeline: number
  readonly listener: string
  readonly path: string
  readonly message: string
}

/** The time of a `generate` pipeline is over, and its last replies have had 200 ms to come: `server.load()` is final. */
export type GeneratorNotice = {
  readonly type: 'notice'
  readonly code: 'generated'
  readonly at: number
  readonly pipeline: number
}

/** With `offload`: other rules or settings of the machine may keep the packets of a pipeline back, or somebody has removed our rules, so that nothing is relayed. */
export type OffloadNotice = {
  readonly type: 'notice'
  readonly code: 'offloadBlocked' | 'offloadGone'
  readonly at: number
  readonly pipeline: number
  readonly message: string
}

/**
 * A member of a set of upstreams is in another state: a check has found it `unhealthy` or `healthy`, it is `ejected` after failed connects, or an ejection is over and it counts as
 * `healthy` again. Each loop ejects for itself, and tells for itself.
 */
export type UpstreamNotice = {
  readonly type: 'notice'
  readonly code: 'upstreamState'
  readonly at: number
  readonly pipeline: number
  /** The member: `10.0.0.1:80`, `unix:/run/app.sock`. */
  readonly upstream: string
  readonly state: 'healthy' | 'unhealthy' | 'ejected'
  /** Why, such as `ECONNREFUSED` or `no answer within 1 s`. */
  readonly message: string
}

/** One of the events that come in batches to `onEvents`. */
export type RelayEvent = OpenEvent | CloseEvent | ListenerNotice | NameNotice | FileNotice | GeneratorNotice | OffloadNotice | UpstreamNotice
