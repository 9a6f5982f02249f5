/**
 * The parts of a pipeline as plain data, and the types that let the compiler refuse a misplaced one at its place.
 *
 * A part says in `accepts` which kinds of session it can be used for. The property is never there; it only makes the types
 * contravariant, so that a part for any kind fits everywhere and a part for streams fits only streams.
 */
import type { GivenNetworks } from './address-file.ts'
import type { ChooseHandler, ChunkHandler, DatagramFilter, DatagramHandler, DecideHandler, InspectHandler, StreamSource } from './handlers.ts'
import type { PlanEndpoint, PlanGenerate, PlanHead, PlanHop, PlanLogin, PlanMatcher, PlanProxyDialect, PlanProxyMode, PlanRules, PlanSet, PlanSettings, PlanStun } from './plan.ts'
import type { Via } from './proxy/via.ts'

/** What a session is: an accepted stream or a flow of datagrams. */
export type Kind = 'stream' | 'datagram'

type Accepts<K extends Kind> = { readonly accepts?: (kind: K) => void }

/** What all parts have: the name that users know, and its arguments as `explain` shows them. */
type Named = { readonly name: string; readonly shows: string }

/** What `compile` makes of a stage. */
export type StageBody =
  | { readonly step: 'allow' | 'deny'; readonly networks: GivenNetworks }
  | { readonly step: 'proxyProtocol'; readonly from: GivenNetworks; readonly mode: PlanProxyMode; readonly dialect: PlanProxyDialect; readonly head: PlanHead; readonly ofDatagrams: { readonly shows: string } }
  | { readonly step: 'limit'; readonly maxSessions: number; readonly maxSessionsPerAddress: number; readonly newSessionsPerSecond: number }
  /** `ofDatagrams`: what holds for datagrams instead, where that is something else. */
  | { readonly step: 'settings'; readonly settings: Partial<PlanSettings>; readonly ofDatagrams?: { readonly settings: Partial<PlanSettings>; readonly shows: string } }
  | { readonly step: 'inspect'; readonly head: PlanHead; readonly handler: InspectHandler }
  | { readonly step: 'decide'; readonly head: PlanHead; readonly handler: DecideHandler }
  | { readonly step: 'transform'; readonly toUpstream?: ChunkHandler; readonly toDownstream?: ChunkHandler }
  | { readonly step: 'filterDatagrams'; readonly toUpstream?: DatagramFilter; readonly toDownstream?: DatagramFilter }

/** What `compile` makes of a sink. */
export type SinkBody =
  | {
      readonly step: 'forward'
      readonly upstream: PlanEndpoint | PlanSet
      readonly connectTimeoutMs: number
      readonly retries: number
      readonly sourceAddresses: readonly string[]
      readonly responses: number
      readonly proxyProtocol: 0 | 1 | 2
      readonly proxyDialect: PlanProxyDialect
      readonly via: readonly Via[]
    }
  /** `openProxy`: it may be open to everybody. */
  | {
      readonly step: 'negotiate'
      readonly dialect: PlanHop['dialect']
      readonly users: readonly PlanLogin[]
      readonly branches: readonly { readonly name: string; readonly chain: Branch }[]
      readonly head: PlanHead
      readonly openProxy: boolean
    }
  | {
      readonly step: 'destination'
      readonly rules: PlanRules
      readonly udp: boolean
      readonly connectTimeoutMs: number
      readonly retries: number
      readonly sourceAddresses: readonly string[]
      readonly via: readonly Via[]
    }
  | { readonly step: 'echo' | 'discard' | 'close' | 'reset' }
  | { readonly step: 'stun'; readonly options: PlanStun }
  | { readonly step: 'stream'; readonly source: StreamSource }
  | { readonly step: 'datagrams'; readonly handler: DatagramHandler }
  | { readonly step: 'route'; readonly when: readonly { readonly matcher: AnyMatcher; readonly chain: Branch }[]; readonly otherwise: Branch }
  | { readonly step: 'choose'; readonly branches: readonly { readonly name: string; readonly chain: Branch }[]; readonly head: PlanHead; readonly handler: ChooseHandler<string> }

/** A node that lets sessions go on. */
export type Stage<K extends Kind> = Named & { readonly role: 'stage'; readonly body: StageBody } & Accepts<K>

/** A node that ends the chain. */
export type Sink<K extends Kind> = Named & { readonly role: 'sink'; readonly body: SinkBody } & Accepts<K>

/** A pure predicate over an address or a head: yes, no, need more bytes. */
export type Matcher<K extends Kind> = Named & { readonly role: 'matcher'; readonly plan: PlanMatcher } & Accepts<K>

/** One branch of a `route`, made by `when`. */
export type When<K extends Kind> = { readonly role: 'when'; readonly matcher: AnyMatcher; readonly chain: Branch } & Accepts<K>

/** The last branch of a `route`, made by `otherwise`. */
export type Otherwise<K extends Kind> = { readonly role: 'otherwise'; readonly chain: Branch } & Accepts<K>

/** The first node, made by `listen` or `generate`. */
export type Source<K extends Kind> = {
  readonly role: 'source'
  readonly name: 'listen' | 'generate'
  /** Its arguments as `explain` shows them. */
  readonly shows: string
  readonly kind: K
  readonly listen: readonly PlanEndpoint[]
  readonly backlog: number
  readonly dualStack: boolean
  readonly receiveBufferBytes: number
  readonly sendBufferBytes: number
  readonly maxSegmentBytes: number
  readonly incomingCpu: number
  readonly maxFlows: number
  /** 0: no limit. */
  readonly maxFlowsPerAddress: number
  readonly generate: PlanGenerate | null
}

/** A source and what follows it, made by `pipe`: plain data, which `serve` runs and `explain` prints. */
export type Pipeline<K extends Kind> = {
  readonly role: 'pipeline'
  readonly kind: K
  readonly source: Source<K>
  readonly chain: Branch
}

export type AnyStage = Stage<never>
export type AnySink = Sink<never>
export type AnyMatcher = Matcher<never>

/** A checked chain: its stages and the sink that ends it. */
export type Branch = { readonly stages: readonly AnyStage[]; readonly sink: AnySink }

/** Stands where a sink before has already ended the chain; nothing has this type. */
export type NothingAfterTheSink = { readonly role: 'nothing may follow the sink' }

type IsLast<Parts, Place> = Parts extends readonly [...infer Before, unknown] ? (Place extends `${Before['length'] & number}` ? true : false) : false

/** Whether a sink stands before this place. */
type IsEnded<Parts, Place, Seen extends readonly unknown[] = []> = `${Seen['length']}` extends Place
  ? false
  : Parts extends readonly [infer First, ...infer Rest]
    ? First extends { readonly role: 'sink' }
      ? true
      : IsEnded<Rest, Place, [...Seen, unknown]>
    : false

type PartAt<K extends Kind, Parts, Place> =
  IsEnded<Parts, Place> extends true ? NothingAfterTheSink : IsLast<Parts, Place> extends true ? Sink<K> : Stage<K> | Sink<K>

/**
 * What the parts after a source have to be: stages and then one sink. Place by place where the number of parts is known, so that
 * the compiler refuses the one that is misplaced; as a whole where an array is spread.
 */
export type Chain<K extends Kind, Parts extends readonly unknown[]> = Parts extends readonly []
  ? readonly [Sink<K>]
  : number extends Parts['length']
    ? readonly [...Stage<K>[], Sink<K>]
    : { readonly [Place in keyof Parts]: Parts[Place] extends unknown ? PartAt<K, Parts, Place> : Parts[Place] }

/** The kinds that all parts accept, or `Else` where there is none. */
type CommonKind<Parts extends readonly unknown[], Else extends Kind> = [Parts[number]] extends [Accepts<infer K>] ? ([K] extends [never] ? Else : K) : Else

/** The kinds for which some parts can be a branch; where they do not fit together, those of the sink, so that the others are refused. */
export type KindOf<Parts extends readonly unknown[]> = CommonKind<Parts, Parts extends readonly [...unknown[], infer Last] ? (Last extends Sink<infer K> ? K : never) : never>

/** The same behind a matcher; where they do not fit to it, those of the matcher. */
export type KindAfter<M extends Kind, Parts extends readonly unknown[]> = [M & KindOf<Parts>] extends [never] ? M : M & KindOf<Parts>

/** What the arguments of `route` have to be: branches made by `when`, and at the end maybe one by `otherwise`. */
export type Branches<Parts extends readonly unknown[]> = number extends Parts['length']
  ? readonly When<never>[] | readonly [...When<never>[], Otherwise<never>]
  : { readonly [Place in keyof Parts]: Parts[Place] extends unknown ? (IsLast<Parts, Place> extends true ? When<never> | Otherwise<never> : When<never>) : Parts[Place] }

/** The kinds that all branches accept. */
export type BranchesKind<Parts extends readonly unknown[]> = CommonKind<Parts, never>
