/** A set of upstreams, of which a session goes to one. */
import { showCheck } from '../checks/check.ts'
import type { HealthCheck } from '../checks/check.ts'
import { hasRole, refuse } from '../chain.ts'
import { formatEndpoint } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { checkBoolean, checkInteger, checkMs, checkNames, checkWord, formatMs, maxMs, shown } from '../options.ts'
import type { Kind } from '../part.ts'
import type { PlanBalance, PlanCheck, PlanEndpoint, PlanSet } from '../plan.ts'
import { checkMembers, memberText, ofSessions } from './member.ts'
import type { MemberLike } from './member.ts'

/** A set of upstreams, made by `upstreams`: plain data, which `forward` takes as it takes an endpoint, and `server.setUpstreams` knows a running set by. */
export type UpstreamSet<K extends Kind> = {
  readonly role: 'upstreams'
  readonly kind: K
  readonly at: PlanSet
}

/** When members are ejected that nobody checks, or that fail between two checks. */
export type EjectionOptions = {
  /** Failed connects in a row (of flows: ICMP errors without an answer between them), 1 to 1000; default 3. */
  readonly afterFailures?: number
  /** Milliseconds without new sessions, 1 to 2147483647, doubled with each ejection until one is connected; default 10000. */
  readonly forMs?: number
  /** The longest, `forMs` to 2147483647; default 300000. */
  readonly mostMs?: number
}

/** Sessions that wait for a member to have room, in order; each loop has its own queue. */
export type QueueOptions = {
  /** How many, 1 to 1000000; one more is reset with `queueFull`. */
  readonly maxSessions: number
  /** Milliseconds until it is reset with `queueTimeout`, 1 to 2147483647; default 5000. */
  readonly timeoutMs?: number
}

/** The options of `upstreams` for both kinds. */
export type UpstreamsOptions<K extends Kind> = {
  /**
   * How a member is chosen. `roundRobin` (the default): in turn, by weight. `leastSessions`: the fewest open sessions for its weight. `random2`: of two drawn by weight, the one
   * with fewer. `sourceHash`: by the client's address, so that it comes back to the same member, and only those of a member that leaves go elsewhere; looks at every member.
   * `maglev`: the same by one look into a table of 65537 places, which every loop, restart and machine with the same members has alike; when a member leaves or comes, a few other sources move too.
   * All clients of a Unix listener are one source.
   */
  readonly balance?: PlanBalance
  /** Sessions or flows at once to each member, of each loop, 1 to 1000000; default any number. What finds no room goes to another member. */
  readonly maxSessions?: number
  /** Checks made on the calling thread, for all loops together, in each worker of `millrace run --workers` for itself, from the system's choice of address, until `close` is called; default none. */
  readonly health?: HealthCheck<NoInfer<K>>
  /** Members to which connecting fails get no sessions for a time, in each loop for itself: at most half of the set, and never the last that can be used. False: none. Default on. */
  readonly ejection?: EjectionOptions | false
  /** Milliseconds in which a member that has come back gets from none to its whole share, 0 (at once) to 2147483647; default 0. Not by `sourceHash` and `maglev`. */
  readonly slowStartMs?: number
  /** Whether open sessions are reset with `upstreamUnhealthy` when a check finds their member down; default false: they go on. */
  readonly closeOnUnhealthy?: boolean
}

/** The options of `upstreams` for streams. */
export type StreamUpstreamsOptions = UpstreamsOptions<'stream'> & {
  /** Further attempts of a session to connect, each to a member that it has not tried, 0 to 16; default 2, or what `forward` says. */
  readonly retries?: number
  /** Where sessions wait that find all members full; default nowhere: they are reset with `queueFull`. */
  readonly queue?: QueueOptions
}

const names = ['balance', 'maxSessions', 'health', 'ejection', 'slowStartMs', 'closeOnUnhealthy', 'retries', 'queue']
/** All ways to choose. */
export const balances: readonly PlanBalance[] = ['roundRobin', 'leastSessions', 'random2', 'sourceHash', 'maglev']

/**
 * A set of upstreams for `forward`: endpoints, names and services, of which each session or flow goes to one that is up. A member that refuses is passed over for the next
 * within the time that connecting may take; where no member can be used a session is reset at once with `noUpstream`. Names and services are resolved again by their TTL, and what is
 * known stays in use while that fails. Throws ERR_MILLRACE_BAD_PIPELINE for what are no members of one kind, ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_BAD_OPTION and
 * ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function upstreams(members: readonly MemberLike<'stream'>[], options?: StreamUpstreamsOptions): UpstreamSet<'stream'>
export function upstreams(members: readonly MemberLike<'datagram'>[], options?: UpstreamsOptions<'datagram'>): UpstreamSet<'datagram'>
export function upstreams(given: readonly unknown[], options: Omit<StreamUpstreamsOptions, 'health'> & { readonly health?: unknown } = {}): UpstreamSet<Kind> {
  checkNames('upstreams', options, names)
  const { balance = 'roundRobin', maxSessions, slowStartMs = 0, closeOnUnhealthy = false, health, retries, queue } = options
  const most = maxSessions === undefined ? 0 : checkInteger('upstreams', 'maxSessions', maxSessions, ofSessions)
  const { kind, members } = checkMembers('upstreams', given, most)
  checkWord('upstreams', 'balance', balance, balances)
  checkMs('upstreams', 'slowStartMs', slowStartMs, 'at once')
  checkBoolean('upstreams', 'closeOnUnhealthy', closeOnUnhealthy)
  if (closeOnUnhealthy && health === undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', 'upstreams', 'closeOnUnhealthy needs health: without a check no member is found down')
  if (retries !== undefined) checkInteger('upstreams', 'retries', retries, { least: 0, most: 16, unit: 'attempts' })
  for (const name of ['retries', 'queue'] as const) {
    if (kind === 'datagram' && options[name] !== undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', 'upstreams', `${name} is for streams: a flow of datagrams has no connection to wait for`)
  }
  const at: PlanSet = Object.freeze({
    net: 'set',
    kind,
    members,
    maxSessions: most,
    balance,
    queue: queue === undefined ? null : checkQueue(queue),
    ejection: options.ejection === false ? null : checkEjection(options.ejection ?? {}),
    slowStartMs,
    closeOnUnhealthy,
    health: health === undefined ? null : checkHealth(kind, health),
    retries: retries ?? null,
  })
  return Object.freeze({ role: 'upstreams', kind, at })
}

function checkQueue(queue: QueueOptions): NonNullable<PlanSet['queue']> {
  checkNames('upstreams queue', queue, ['maxSessions', 'timeoutMs'])
  const { maxSessions, timeoutMs = 5_000 } = queue
  checkInteger('upstreams queue', 'maxSessions', maxSessions, ofSessions)
  checkInteger('upstreams queue', 'timeoutMs', timeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  return Object.freeze({ maxSessions, timeoutMs })
}

function checkEjection(ejection: EjectionOptions): NonNullable<PlanSet['ejection']> {
  checkNames('upstreams ejection', ejection, ['afterFailures', 'forMs', 'mostMs'])
  const { afterFailures = 3, forMs = 10_000, mostMs = Math.max(300_000, forMs) } = ejection
  checkInteger('upstreams ejection', 'afterFailures', afterFailures, { least: 1, most: 1_000, unit: 'failures' })
  checkInteger('upstreams ejection', 'forMs', forMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger('upstreams ejection', 'mostMs', mostMs, { least: forMs, most: maxMs, unit: 'ms' })
  return Object.freeze({ afterFailures, forMs, mostMs })
}

function checkHealth(kind: Kind, health: unknown): PlanCheck {
  if (!isCheck(health)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'upstreams', `health must be a check such as tcpCheck(), not ${shown(health)}`)
  if (health.kind !== kind) throw misuse('ERR_MILLRACE_BAD_OPTION', 'upstreams', `health: ${health.plan.name} is for ${health.kind}s, and this is a set of ${kind}s`)
  return health.plan
}

function isCheck(value: unknown): value is HealthCheck<Kind> {
  return hasRole(value, 'check')
}

/** Members for a set that is there, for `server.setUpstreams`. */
export function membersFor(set: PlanSet, given: unknown): PlanSet['members'] {
  const { kind, members } = checkMembers('setUpstreams', given, set.maxSessions)
  if (kind !== set.kind) throw refuse('setUpstreams', `this is a set of ${set.kind}s, but ${members[0] === undefined ? '' : memberText(members[0])} is of ${kind}s`)
  return members
}

/** An endpoint, or the members of a set: `tcp 10.0.0.1:80, tcp 10.0.0.2:80`. */
export function upstreamText(at: PlanEndpoint | PlanSet): string {
  return at.net === 'set' ? at.members.map(memberText).join(', ') : formatEndpoint(at)
}

/** `tcp 10.0.0.1:80, tcp 10.0.0.2:80 by maglev, tcpCheck every 2 s` */
export function showSet({ members, balance, health, slowStartMs, queue }: PlanSet): string {
  const list = members.map((member) => `${memberText(member)}${member.weight === 1 ? '' : ` weight ${member.weight}`}${member.backup ? ' backup' : ''}`)
  return [
    `${list.join(', ')} by ${balance}`,
    ...(health === null ? [] : [showCheck(health)]),
    ...(slowStartMs === 0 ? [] : [`slow start ${formatMs(slowStartMs)}`]),
    ...(queue === null ? [] : [`queue of ${queue.maxSessions} for ${formatMs(queue.timeoutMs)}`]),
  ].join(', ')
}
