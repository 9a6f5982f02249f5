/** The members of a set of upstreams, checked. */
import { hasRole, refuse } from '../chain.ts'
import { formatEndpoint, portCount } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { checkBoolean, checkInteger, checkNames, shown } from '../options.ts'
import type { Kind } from '../part.ts'
import type { PlanMember } from '../plan.ts'
import type { Service } from './srv.ts'

/** A member of a set with what holds for it alone. */
export type Member<K extends Kind> = {
  /** Where it is. A name is as many members as it has addresses, and so is a service. */
  readonly to: Endpoint<K> | Service<K>
  /** Its share of the sessions beside the others', 1 to 65535; default 1. Not for a service, whose records have weights. */
  readonly weight?: number
  /** Whether it is used only while none of the others can be; default false. */
  readonly backup?: boolean
  /** Sessions or flows at once, of each loop, 1 to 1000000; default what the set says. */
  readonly maxSessions?: number
}

/** What `upstreams` takes for a member. */
export type MemberLike<K extends Kind> = Endpoint<K> | Service<K> | Member<K>

/** Most members that can be written down; names may have more addresses. */
const mostMembers = 1_000
/** Bounds of `maxSessions`, of a member and of a set. */
export const ofSessions = { least: 1, most: 1_000_000, unit: 'sessions' } as const

/** What is checked of a member, without its kind. */
type Given = { readonly kind: Kind; readonly member: PlanMember }

/** The members and their kind. Throws ERR_MILLRACE_BAD_PIPELINE for none, for two kinds and for one twice. */
export function checkMembers(node: string, given: unknown, maxSessions: number): { readonly kind: Kind; readonly members: readonly PlanMember[] } {
  if (!Array.isArray(given)) throw refuse(node, `expected an array of members, not ${shown(given)}`)
  const list: readonly unknown[] = given
  if (list.length === 0 || list.length > mostMembers) throw refuse(node, `expected 1 to ${mostMembers} members, not ${list.length}`)
  const all = list.map((one) => checkMember(node, one, maxSessions))
  const texts = all.map(({ member }) => memberText(member))
  const twice = texts.find((text, i) => texts.indexOf(text) < i)
  if (twice !== undefined) throw refuse(node, `${twice} is there twice: give it a weight instead`)
  const kind = all[0]?.kind ?? 'stream'
  const other = all.findIndex((one) => one.kind !== kind)
  if (other >= 0) throw refuse(node, `expected members of one kind, not ${texts[0]} and ${texts[other]}: streams do not become datagrams`)
  return { kind, members: Object.freeze(all.map(({ member }) => member)) }
}

/** `tcp 10.0.0.1:80`, `srv _http._tcp.example` */
export function memberText({ to }: Pick<PlanMember, 'to'>): string {
  return to.net === 'srv' ? `srv ${to.service}` : formatEndpoint(to)
}

function checkMember(node: string, given: unknown, maxSessions: number): Given {
  if (isPlace(given)) return { kind: given.kind, member: placed(node, given, 1, false, maxSessions) }
  if (typeof given !== 'object' || given === null || 'role' in given) throw refuse(node, `expected an endpoint such as tcp("10.0.0.1:80"), srv(…) or { to: … } as a member, not ${shown(given)}`)
  checkNames(node, given, ['to', 'weight', 'backup', 'maxSessions'], 'a member')
  const { to, weight, backup = false, maxSessions: own }: { to?: unknown; weight?: unknown; backup?: unknown; maxSessions?: unknown } = given
  if (!isPlace(to)) throw refuse(node, `to: expected an endpoint such as tcp("10.0.0.1:80") or srv(…), not ${shown(to)}`)
  if (weight !== undefined && to.role === 'service') throw misuse('ERR_MILLRACE_BAD_OPTION', node, `weight is not for srv ${to.at.service}: its records have weights`)
  const whole = checkInteger(node, 'weight', weight ?? 1, { least: 1, most: 65_535, unit: '' })
  checkBoolean(node, 'backup', backup)
  const most = own === undefined ? maxSessions : checkInteger(node, 'maxSessions', own, ofSessions)
  return { kind: to.kind, member: placed(node, to, whole, backup === true, most) }
}

type Place = Endpoint<Kind> | Service<Kind>

function isPlace(value: unknown): value is Place {
  return hasRole(value, 'endpoint') || hasRole(value, 'service')
}

function placed(node: string, { at }: Place, weight: number, backup: boolean, maxSessions: number): PlanMember {
  if (at.net !== 'srv' && portCount(at) > 1) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `"${formatEndpoint(at)}" has ${portCount(at)} ports, but a member has one`)
  if (at.net !== 'srv' && at.net !== 'unix' && at.port === 0) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `"${formatEndpoint(at)}" has no port to connect to: expected 1 to 65535`)
  return Object.freeze({ to: Object.freeze({ ...at }), weight, backup, maxSessions })
}
