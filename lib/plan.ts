/**
 * The plan: what `compile` makes of a pipeline and what the addon runs. Plain data, so that it can be printed, compared and
 * sent to another thread; a handler stands in it as a number, its place in `Compiled.handlers`.
 *
 * A session walks the nodes from `nodes[0]`. A gate goes on to its `next`, a fork to one of its branches, and a sink ends the walk.
 * Every node is reached on exactly one path, so a sink carries the settings of all the stages before it, already merged.
 */

/** Where to listen or connect; `lastPort` only where there is more than one port. */
export type PlanEndpoint =
  | { readonly net: 'tcp' | 'udp'; readonly host: string; readonly port: number; readonly lastPort?: number }
  | { readonly net: 'unix'; readonly path: string }

/** One socket to listen at. `offset` is the place of its port in the range that it comes from, where it is not the first one. */
export type PlanListener =
  | { readonly net: 'tcp' | 'udp'; readonly host: string; readonly port: number; readonly offset?: number }
  | { readonly net: 'unix'; readonly path: string }

/** How a set of upstreams chooses a member for a session. */
export type PlanBalance = 'roundRobin' | 'leastSessions' | 'random2' | 'sourceHash' | 'maglev'

/** A member as it was given: a name or a service record stands for as many members as it has addresses. */
export type PlanMember = {
  readonly to: PlanEndpoint | { readonly net: 'srv'; readonly service: string }
  readonly weight: number
  readonly backup: boolean
  /** 0: any number. */
  readonly maxSessions: number
}

/** A check of the members of a set, which runs in `lib`. Nothing to send: to be connected is all that is wanted, or to be spoken to. */
export type PlanCheck = {
  readonly name: 'tcpCheck' | 'sendExpect' | 'dgramCheck'
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly rise: number
  readonly fall: number
  readonly send: Uint8Array
  /** Nothing: any answer will do, and for `tcpCheck` none is waited for. */
  readonly expect: Uint8Array
}

/** A set of upstreams. Which object it is says which set: the addon has the members by `setMembers`, and they may change. */
export type PlanSet = {
  readonly net: 'set'
  readonly kind: 'stream' | 'datagram'
  readonly members: readonly PlanMember[]
  /** Of a member that says nothing else; 0: any number. */
  readonly maxSessions: number
  readonly balance: PlanBalance
  readonly queue: { readonly maxSessions: number; readonly timeoutMs: number } | null
  readonly ejection: { readonly afterFailures: number; readonly forMs: number; readonly mostMs: number } | null
  readonly slowStartMs: number
  readonly closeOnUnhealthy: boolean
  readonly health: PlanCheck | null
  /** Further attempts of a session, where its forward says nothing else. */
  readonly retries: number | null
}

/** Most sockets that one plan listens at. */
export const maxListeners = 65_536

/** Most bytes that fit into one UDP datagram over IPv4: 65535 less the headers. */
export const maxDatagramBytes = 65_507

/** Bytes a second and the burst, each at least 1. */
export type PlanRate = { readonly bytesPerSecond: number; readonly burstBytes: number }

/** Datagrams a second and the burst, each at least 1. */
export type PlanDatagramRate = { readonly datagramsPerSecond: number; readonly burstDatagrams: number }

/** What all stages before a sink asked for, merged. A time of 0 means "never". */
export type PlanSettings = {
  readonly idleTimeoutMs: number
  readonly halfCloseTimeoutMs: number
  readonly maxDurationMs: number
  readonly highWaterBytes: number
  /** The same while bytes are in a pipe. */
  readonly pipedHighWaterBytes: number
  readonly throttleToUpstream: PlanRate | null
  readonly throttleToDownstream: PlanRate | null
  readonly throttleDatagramsToUpstream: PlanDatagramRate | null
  readonly throttleDatagramsToDownstream: PlanDatagramRate | null
  readonly keepAlive: PlanKeepAlive | null
  /** Whether the chunks or datagrams of a direction go through JS (the handlers are known to `lib` by the sink's node). */
  readonly transformToUpstream: boolean
  readonly transformToDownstream: boolean
}

/** TCP keepalive of both sides, in seconds; `userTimeoutMs` 0 leaves TCP_USER_TIMEOUT alone. */
export type PlanKeepAlive = {
  readonly idleSeconds: number
  readonly intervalSeconds: number
  readonly probes: number
  readonly userTimeoutMs: number
}

/** How `stun` answers. */
export type PlanStun = {
  /** The SOFTWARE attribute; nothing: none. */
  readonly software: string
  readonly fingerprint: boolean
  readonly rfc3489: boolean
  /** Answers a second to one address; 0: any number. */
  readonly ratePerAddress: number
}

export type PlanMatcher =
  | { readonly op: 'remoteAddress'; readonly cidrs: readonly string[]; readonly files?: readonly string[] }
  | { readonly op: 'prefix'; readonly bytes: Uint8Array }
  | { readonly op: 'sni'; readonly names: readonly string[] }
  | { readonly op: 'alpn'; readonly protocols: readonly string[] }
  | { readonly op: 'http'; readonly http1: boolean; readonly http2: boolean }
  | { readonly op: 'httpHost'; readonly names: readonly string[]; readonly addresses: readonly string[] }
  | { readonly op: 'silent'; readonly afterMs: number }
  | { readonly op: 'httpPath'; readonly paths: readonly string[] }
  | { readonly op: 'quic'; readonly versions: readonly number[] }
  /** `code`: three numbers an instruction; `sets`: 32 bytes each (lib/regexp-program.ts). */
  | { readonly op: 'regexp'; readonly code: readonly number[]; readonly sets: readonly Uint8Array[]; readonly maxBytes: number }
  | { readonly op: 'dns' | 'mqtt' | 'postgres' | 'proxyHeader' | 'ssh' | 'stunBinding' | 'tls' | 'wireguard' }
  | { readonly op: 'not'; readonly matcher: PlanMatcher }
  | { readonly op: 'any'; readonly matchers: readonly PlanMatcher[] }

/** When a JS node is called for the head: not before `minBytes`, never with more than `maxBytes`, not after `timeoutMs` from accept or from the previous verdict. */
export type PlanHead = { readonly minBytes: number; readonly maxBytes: number; readonly timeoutMs: number }

/** A name, its password and what HTTP makes of both, base64; all empty: no login. */
export type PlanLogin = { readonly name: string; readonly password: string; readonly basic: string }

/** A proxy on the way, and what it is asked to connect to; without a host: what the session's client has asked for. */
export type PlanHop = { readonly dialect: 'socks5' | 'httpConnect'; readonly login: PlanLogin; readonly host: string; readonly port: number }

/** Where clients may go. What is in `guard` has to be in `allow`, and there more specifically or as much; without an `allow` everything else may be reached. Without `ports` all may but the closed ones. */
export type PlanRules = {
  readonly allow: readonly string[]
  readonly deny: readonly string[]
  readonly guard: readonly string[]
  readonly ports: readonly (readonly [first: number, last: number])[]
  readonly closedPorts: readonly number[]
}

/** What the header of a proxy is good for. */
export type PlanProxyMode = 'require' | 'use' | 'ignore' | 'reject'

/** Which datagrams of a flow have a PROXY header. */
export type PlanProxyDialect = 'every' | 'first'

export type PlanNode =
  | { readonly op: 'allow' | 'deny'; readonly cidrs: readonly string[]; readonly files?: readonly string[]; readonly next: number }
  | {
      readonly op: 'limit'
      /** 0: no limit. */
      readonly maxSessions: number
      readonly maxSessionsPerAddress: number
      readonly newSessionsPerSecond: number
      readonly next: number
    }
  | { readonly op: 'proxyProtocol'; readonly from: readonly string[]; readonly files?: readonly string[]; readonly mode: PlanProxyMode; readonly dialect: PlanProxyDialect; readonly head: PlanHead; readonly next: number }
  /** `inspect` and `decide`: the verdict `pass` goes on to `next[0]`. `choose`: the verdict `pass` carries the index into `next`. */
  | { readonly op: 'ask'; readonly kind: 'inspect' | 'decide' | 'choose'; readonly handler: number; readonly head: PlanHead; readonly next: readonly number[] }
  | { readonly op: 'route'; readonly head: PlanHead; readonly when: readonly { readonly matcher: PlanMatcher; readonly next: number }[]; readonly otherwise: number }
  | {
      readonly op: 'forward'
      readonly upstream: number
      readonly connectTimeoutMs: number
      /** Further attempts after the first, as long as no byte was relayed; each takes the next address, or another member. */
      readonly retries: number
      /** Addresses to bind before connecting, in turn those of the upstream's family; none: the system's choice. */
      readonly sourceAddresses: readonly string[]
      /** Datagrams from the upstream for each that went there, after which a flow is finished; 0: it never is by itself. */
      readonly responses: number
      /** Version of the PROXY header that goes before everything; 0: none. */
      readonly proxyProtocol: 0 | 1 | 2
      readonly proxyDialect: PlanProxyDialect
      /** Proxies on the way: the upstream is the first of them. */
      readonly hops: readonly PlanHop[]
      readonly settings: PlanSettings
    }
  /** The handshake of a proxy's clients. Without users there is one branch, and else one for each. */
  | { readonly op: 'negotiate'; readonly dialect: PlanHop['dialect']; readonly users: readonly PlanLogin[]; readonly head: PlanHead; readonly next: readonly number[] }
  /** Where the session's client has asked for. */
  | {
      readonly op: 'destination'
      readonly rules: PlanRules
      /** Whether a client may have its datagrams relayed. */
      readonly udp: boolean
      /** Of the first hop, where there is one. */
      readonly upstream: number
      readonly connectTimeoutMs: number
      readonly retries: number
      readonly sourceAddresses: readonly string[]
      readonly hops: readonly PlanHop[]
      readonly settings: PlanSettings
    }
  | { readonly op: 'echo'; readonly settings: PlanSettings }
  | { readonly op: 'discard'; readonly settings: PlanSettings }
  | ({ readonly op: 'stun'; readonly settings: PlanSettings } & PlanStun)
  | { readonly op: 'stream'; readonly handler: number; readonly settings: PlanSettings }
  | { readonly op: 'datagrams'; readonly handler: number; readonly settings: PlanSettings }
  | { readonly op: 'close' }
  | { readonly op: 'reset' }

/** A file of networks that nodes name by its path, and what is in it, which `prepare` finds out. */
export type PlanFile = { readonly path: string; readonly cidrs: readonly string[] }

/** What `generate` makes instead of listening. */
export type PlanGenerate = {
  readonly flows: number
  readonly sizeBytes: number
  /** Datagrams a second of all flows together; 0: as fast as it goes. */
  readonly ratePerSecond: number
  /** Datagrams of a flow that may be unanswered; 0: any number. */
  readonly window: number
  /** 0: never ends. */
  readonly durationMs: number
  /** Whether runs of datagrams leave as one UDP_SEGMENT send. */
  readonly gso: boolean
}

export type Plan = {
  /** What its sessions are: accepted streams, or flows of datagrams. */
  readonly kind: 'stream' | 'datagram'
  /** None where `generate` is there. */
  readonly listen: readonly PlanListener[]
  /** Length of the accept queue asked of the kernel. */
  readonly backlog: number
  /** Whether a wildcard IPv6 listener takes IPv4 too. */
  readonly dualStack: boolean
  /** Receive buffer asked of the kernel for each socket; 0, for streams: the kernel's own. */
  readonly receiveBufferBytes: number
  /** Send buffer asked of the kernel for each socket; 0: for streams the kernel's own, for datagrams that of the addon. */
  readonly sendBufferBytes: number
  /** TCP_MAXSEG; 0: the kernel's own. */
  readonly maxSegmentBytes: number
  /** SO_INCOMING_CPU; -1: none. */
  readonly incomingCpu: number
  /** Flows at once; 0 for streams. */
  readonly maxFlows: number
  /** Flows at once from one address; 0: no limit. */
  readonly maxFlowsPerAddress: number
  readonly generate: PlanGenerate | null
  readonly nodes: readonly PlanNode[]
  /** The files that nodes and matchers name, each once; `compile` makes none. */
  readonly files?: readonly PlanFile[]
  /**
   * Where `forward` nodes go, by their `upstream` number. A name is resolved by `lib` and handed to the addon as addresses. With a
   * `lastPort` the port is the first one plus the `offset` of the listener that the session came to.
   */
  readonly upstreams: readonly (PlanEndpoint | PlanSet)[]
}
