/** Proxies on the way to an upstream. */
import { isIP } from 'node:net'
import { formatHostPort } from '../address.ts'
import { hasRole, refuse } from '../chain.ts'
import { tcp } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { checkNames, shown } from '../options.ts'
import type { PlanHop, PlanLogin } from '../plan.ts'
import { loginOf } from './login.ts'

/** A proxy to go through, made by `socks5Proxy` or `httpProxy`. */
export type Via = { readonly role: 'via'; readonly dialect: PlanHop['dialect']; readonly at: { readonly net: 'tcp'; readonly host: string; readonly port: number }; readonly login: PlanLogin }

/** The options of `socks5Proxy` and `httpProxy`. */
export type ProxyLogin = {
  /** Who logs in, 1 to 255 bytes without a colon; needs `password`. Default nobody. */
  readonly user?: string
  /** The password, 1 to 255 bytes; needs `user`. */
  readonly password?: string
}

/** Nobody. */
const noLogin: PlanLogin = { name: '', password: '', basic: '' }

export function viaOf(node: 'socks5Proxy' | 'httpProxy', dialect: PlanHop['dialect'], address: string, options: ProxyLogin): Via {
  checkLoginOptions(node, options)
  if (typeof address === 'string' && address.includes('@')) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, 'expected an address such as "127.0.0.1:1080": who logs in stands in the options user and password')
  const { at } = tcp(address)
  if (at.net !== 'tcp' || at.port === 0 || at.lastPort !== undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `${shown(address)} must have one port, 1 to 65535`)
  const { user, password } = options
  if (user === undefined && password !== undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', node, 'password needs user')
  return { role: 'via', dialect, at: { net: 'tcp', host: at.host, port: at.port }, login: user === undefined ? noLogin : loginOf(node, user, password) }
}

/** A text may be the password itself. */
function checkLoginOptions(node: string, options: unknown): void {
  if (typeof options === 'string') throw misuse('ERR_MILLRACE_BAD_OPTION', node, 'expected an object with the options user and password, not a text')
  checkNames(node, options, ['user', 'password'])
}

const mostHops = 8

/** The proxies in their order; at most 8. Throws ERR_MILLRACE_BAD_PIPELINE and ERR_MILLRACE_BAD_OPTION. */
export function checkVia(node: string, given: unknown): readonly Via[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0 || list.length > mostHops) throw misuse('ERR_MILLRACE_BAD_OPTION', node, `via: expected 1 to ${mostHops} proxies, not ${list.length}`)
  return list.map((one, i) => {
    if (!isVia(one)) throw refuse(node, `via: expected a proxy such as socks5Proxy("127.0.0.1:1080"), not ${typeof one === 'string' ? 'a text' : shown(one)}`)
    if (i > 0) checkAsked(node, one.at.host)
    return one
  })
}

/** Throws ERR_MILLRACE_BAD_ADDRESS for a host that no proxy could be asked for: its interfaces are not ours, and what ends in a number is no name. */
export function checkAsked(node: string, host: string): void {
  if (host.includes('%')) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `via: "${host}" names an interface of this machine, which means nothing to a proxy`)
  if (isIP(host) === 0 && /(^|\.)(\d+|0x[\da-f]*)\.?$/i.test(host)) throw misuse('ERR_MILLRACE_BAD_ADDRESS', node, `via: "${host}" is neither an IP address nor a name: it ends in a number`)
}

function isVia(value: unknown): value is Via {
  return hasRole(value, 'via')
}

/** What each proxy is asked for: the next one, and the last of them for where it all leads; nothing: what the session's client has asked for. */
export function hopsOf(via: readonly Via[], end: { readonly host: string; readonly port: number } | undefined): readonly PlanHop[] {
  return via.map(({ dialect, login }, i) => {
    const { host, port } = via[i + 1]?.at ?? end ?? { host: '', port: 0 }
    return { dialect, login, host, port }
  })
}

/** `via socks5 127.0.0.1:1080, http 10.0.0.1:3128`. */
export function showVia(via: readonly Via[]): readonly string[] {
  return via.map(({ dialect, at }) => `via ${dialect === 'socks5' ? 'socks5' : 'http'} ${formatHostPort(at.host, at.port)}`)
}
