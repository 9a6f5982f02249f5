/** What `socks5` and `httpConnect` have in common: who may use them, where to, and how they get there. */
import { hasRole, refuse } from '../chain.ts'
import { misuse } from '../errors.ts'
import { checkBoolean, checkInteger, checkNames, checkObject, formatMs, maxMs, shown } from '../options.ts'
import type { Sink } from '../part.ts'
import type { PlanHop, PlanRules } from '../plan.ts'
import type { DestinationOptions } from './destinations.ts'
import { isEverything, rulesOf, showRules } from './destinations.ts'
import { loginOf } from './login.ts'
import { checkSources, showSources } from './sources.ts'
import type { User } from './user.ts'
import type { Via } from './via.ts'
import { checkVia, showVia } from './via.ts'

/** The options of `socks5` and `httpConnect`. */
export type ProxyOptions = DestinationOptions & {
  /** Who may use it: names and their passwords, or users with stages of their own, made by `user`; at most 1024. Default: anybody whom the pipeline lets through. */
  readonly auth?: Readonly<Record<string, string>> | readonly User[]
  /**
   * Whether it may listen at addresses other than the loopback's without `auth`, without `allow` and without the stage `allow` before it, or where these name all addresses: whoever reaches it then goes from here to all of the
   * public network. With `via` its own `allow` is not enough, since names are not held against it. Default false, and such a pipeline is refused.
   */
  readonly openProxy?: boolean
  /** Milliseconds for the client's whole handshake, whatever comes meanwhile, 1 to 2147483647; default 10000. */
  readonly handshakeTimeoutMs?: number
  /** Milliseconds until connected, names and all attempts together, 1 to 2147483647; default 5000. */
  readonly connectTimeoutMs?: number
  /** Further attempts after the first has failed, each at the next address of a name, 0 to 16; default 2. */
  readonly retries?: number
  /** The local IP address to connect from, or 1 to 256 of them, as `forward` has it; default the system's choice. */
  readonly sourceAddress?: string | readonly string[]
  /** The proxy to go through, or 1 to 8 of them in their order; default none. The last of them then resolves names, so that `allow` and `deny` are held against addresses only. */
  readonly via?: Via | readonly Via[]
}

const names = ['auth', 'allow', 'deny', 'ports', 'openProxy', 'handshakeTimeoutMs', 'connectTimeoutMs', 'retries', 'sourceAddress', 'via']
const mostUsers = 1_024

type Dialect = {
  readonly node: string
  readonly dialect: PlanHop['dialect']
  readonly udp: boolean
  readonly ports: Pick<PlanRules, 'ports' | 'closedPorts'>
  readonly maxBytes: number
}

/** Throws as `socks5` does. */
export function proxySink({ node, dialect, udp, ports, maxBytes }: Dialect, options: ProxyOptions): Sink<'stream'> {
  checkNames(node, options, dialect === 'socks5' ? [...names, 'udp'] : names)
  const { openProxy = false, handshakeTimeoutMs = 10_000, connectTimeoutMs = 5_000, retries = 2 } = options
  const users = options.auth === undefined ? [] : usersOf(node, options.auth)
  const rules = rulesOf(node, options, ports)
  checkBoolean(node, 'openProxy', openProxy)
  checkInteger(node, 'handshakeTimeoutMs', handshakeTimeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger(node, 'connectTimeoutMs', connectTimeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger(node, 'retries', retries, { least: 0, most: 16, unit: 'attempts' })
  const sourceAddresses = options.sourceAddress === undefined ? [] : checkSources(node, options.sourceAddress)
  const via = options.via === undefined ? [] : checkVia(node, options.via)
  if (udp && via.length > 0) throw misuse('ERR_MILLRACE_BAD_OPTION', node, 'udp is not for via: datagrams do not go through a proxy')
  const sink: Sink<'stream'> = {
    role: 'sink',
    name: 'destination',
    shows: [...showRules(rules), ...(udp ? ['datagrams too'] : []), `connect within ${formatMs(connectTimeoutMs)}`, ...showVia(via), ...showSources(sourceAddresses)].join(', '),
    body: { step: 'destination', rules, udp, connectTimeoutMs, retries, sourceAddresses, via },
  }
  const branches = users.length === 0 ? [{ name: 'anybody', chain: { stages: [], sink } }] : users.map(({ login, stages }) => ({ name: login.name, chain: { stages, sink } }))
  const who = users.length === 0 ? 'without a login' : users.length === 1 ? '1 user' : `${users.length} users`
  return {
    role: 'sink',
    name: node,
    shows: `${who}, handshake within ${formatMs(handshakeTimeoutMs)}`,
    body: { step: 'negotiate', dialect, users: users.map(({ login }) => login), branches, head: { minBytes: 0, maxBytes, timeoutMs: handshakeTimeoutMs }, openProxy: openProxy || (via.length === 0 && rules.allow.length > 0 && !rules.allow.some(isEverything)) },
  }
}

function usersOf(node: string, auth: unknown): readonly User[] {
  // A text may be a password.
  if (typeof auth === 'string') throw misuse('ERR_MILLRACE_BAD_OPTION', node, 'auth: expected an object of names and passwords or a list of users, not a text')
  if (isUser(auth)) throw refuse(node, 'auth: expected a list of users, [user(…)], not one')
  const users = Array.isArray(auth) ? auth.map((one: unknown) => checkUser(node, one)) : namedUsers(node, auth)
  if (users.length === 0 || users.length > mostUsers) throw misuse('ERR_MILLRACE_BAD_OPTION', node, `auth: expected 1 to ${mostUsers} users, not ${users.length}`)
  const twice = users.find(({ login }, i) => users.findIndex((other) => other.login.name === login.name) < i)
  if (twice !== undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', node, `auth: the user ${shown(twice.login.name)} is there twice`)
  return users
}

function namedUsers(node: string, auth: unknown): readonly User[] {
  checkObject(node, 'names and passwords in auth', auth)
  return Object.entries(auth).map(([name, password]: readonly [string, unknown]) => ({ role: 'user', login: loginOf(node, name, password), stages: [] }))
}

function checkUser(node: string, value: unknown): User {
  if (isUser(value)) return value
  throw refuse(node, `auth: expected users made by user(…), not ${shown(value)}`)
}

function isUser(value: unknown): value is User {
  return hasRole(value, 'user')
}
