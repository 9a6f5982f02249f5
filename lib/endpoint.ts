/** Endpoints: where to listen or connect. */
import { isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { formatHostPort, normalizeIp } from './address.ts'
import { misuse } from './errors.ts'
import { shown } from './options.ts'
import type { Kind } from './part.ts'
import type { PlanEndpoint } from './plan.ts'

/** Where to listen or connect, made by `tcp`, `udp` or `unix`; `kind` says what sessions are there. */
export type Endpoint<K extends Kind> = {
  readonly role: 'endpoint'
  readonly kind: K
  readonly at: PlanEndpoint
}

/** An address that ends in a port or a range of ports; a literal that does not is refused by the compiler. */
export type WithPort<A extends string> = string extends A
  ? A
  : A extends `[${string}]:${number}` | `[${string}]:${number}-${number}`
    ? A
    : A extends `${infer _Host}:${infer Port}`
      ? Port extends `${number}` | `${number}-${number}`
        ? A
        : `${string}:${number}`
      : `${string}:${number}`

/**
 * A TCP endpoint: `10.0.0.1:80`, `[::1]:80`, `name:80`, or `:80`, which is `127.0.0.1:80`. To listen, port 0 takes a free port and
 * a name is resolved once; to connect, a name is resolved again by its TTL. IPv6 is written in brackets (RFC 3986 section 3.2.2).
 * `10.0.0.1:7890-7900` is a range of ports, both included: one listener each, or, to connect, the port at the place in the range that
 * the listener has in its own. Throws ERR_MILLRACE_BAD_ADDRESS.
 */
export function tcp<const A extends string>(address: WithPort<A>): Endpoint<'stream'> {
  return { role: 'endpoint', kind: 'stream', at: parseHostPort('tcp', address) }
}

/**
 * A UDP endpoint, written as those of `tcp`, ranges too: `127.0.0.1:7890`, `[::]:0`, `name:53`, `0.0.0.0:7890-7900`.
 * Throws ERR_MILLRACE_BAD_ADDRESS.
 */
export function udp<const A extends string>(address: WithPort<A>): Endpoint<'datagram'> {
  return { role: 'endpoint', kind: 'datagram', at: parseHostPort('udp', address) }
}

/**
 * A Unix stream socket: a path of at most 107 bytes, or an abstract name that begins with `@`, see unix(7).
 * Throws ERR_MILLRACE_BAD_ADDRESS.
 */
export function unix(path: string): Endpoint<'stream'> {
  return { role: 'endpoint', kind: 'stream', at: parsePath('unix', path) }
}

/**
 * An endpoint as a URL: `tcp://127.0.0.1:8080`, `udp://[::1]:0`, `udp://0.0.0.0:7890-7900`, `unix:///run/x.sock`; `kind` tells which
 * it is. Throws ERR_MILLRACE_BAD_ADDRESS.
 */
export function parseEndpoint(url: string): Endpoint<'stream'> | Endpoint<'datagram'> {
  const expected = 'expected tcp://HOST:PORT, udp://HOST:PORT or unix:///PATH'
  if (typeof url !== 'string') throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'endpoint', `${shown(url)} is not an endpoint: ${expected}`)
  if (url.startsWith('tcp://')) return { role: 'endpoint', kind: 'stream', at: parseHostPort('tcp', url.slice(6)) }
  if (url.startsWith('udp://')) return { role: 'endpoint', kind: 'datagram', at: parseHostPort('udp', url.slice(6)) }
  if (url.startsWith('unix://')) return { role: 'endpoint', kind: 'stream', at: parsePath('unix', url.slice(7)) }
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1]
  const why = scheme === undefined ? `has no scheme: ${expected}` : `has the unknown scheme "${scheme}": ${expected}`
  throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'endpoint', `${shown(url)} ${why}`)
}

/** `tcp 10.0.0.1:80`, `udp 127.0.0.1:7890-7900`, `unix /run/x.sock`. */
export function formatEndpoint(at: PlanEndpoint): string {
  return at.net === 'unix' ? `unix ${at.path}` : `${at.net} ${formatHostPort(at.host, at.port, at.lastPort)}`
}

/** An endpoint as it stands in sessions and events: `10.0.0.1:80`, `unix:/run/x.sock`. */
export function endpointText(at: PlanEndpoint): string {
  return at.net === 'unix' ? `unix:${at.path}` : formatHostPort(at.host, at.port, at.lastPort)
}

function parseHostPort(node: 'tcp' | 'udp', address: unknown): PlanEndpoint {
  const refuse = (why: string) => misuse('ERR_MILLRACE_BAD_ADDRESS', node, `${shown(address)} ${why}`)
  if (typeof address !== 'string') throw refuse('is not an address: expected a string such as "127.0.0.1:8080"')
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/s.exec(address)
  const colon = address.lastIndexOf(':')
  if (bracketed === null && colon >= 0 && isIPv6(address)) throw refuse(`needs brackets and a port: write ${bracketHint(address, colon)}`)
  const host = bracketed?.[1] ?? (colon < 0 ? address : address.slice(0, colon))
  const port = bracketed === null ? (colon < 0 ? undefined : address.slice(colon + 1)) : bracketed[2]
  if (port === undefined || port === '') throw refuse(`has no port: expected "host:port"`)
  const ports = parsePorts(port, refuse)
  return { net: node, host: bracketed === null ? parseHost(host, port, refuse) : parseBracketed(host, refuse), ...ports }
}

/** `80`, or `7890-7900`; a range of one port is that port. */
function parsePorts(text: string, refuse: Refuse): { readonly port: number; readonly lastPort?: number } {
  if (!/^\d+-/.test(text)) {
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw refuse(`has no valid port: ${shown(text)} is not 0 to 65535`)
    return { port: Number(text) }
  }
  const ends = /^(\d+)-(\d+)$/.exec(text)?.slice(1) ?? []
  const [first = '', last = ''] = ends
  if (ends.length === 0) throw refuse(`has no valid range of ports: expected FIRST-LAST such as "7890-7900", not ${shown(text)}`)
  const wrong = ends.find((end) => end.length > 5 || Number(end) < 1 || Number(end) > 65_535)
  if (wrong !== undefined) throw refuse(`has no valid range of ports: ${shown(wrong)} is not 1 to 65535`)
  const [port, lastPort] = [Number(first), Number(last)]
  if (port > lastPort) throw refuse(`has no valid range of ports: expected the lower port first, "${lastPort}-${port}", not ${shown(text)}`)
  return port === lastPort ? { port } : { port, lastPort }
}

/** How many ports an endpoint stands for. */
export function portCount(at: PlanEndpoint): number {
  return at.net === 'unix' || at.lastPort === undefined ? 1 : at.lastPort - at.port + 1
}

/** `::1:3000` is an IPv6 address as it stands, but more likely one that is followed by a port. */
function bracketHint(address: string, colon: number): string {
  const [host, port] = [address.slice(0, colon), address.slice(colon + 1)]
  const whole = `"[${address}]:80"`
  return isIPv6(host) && /^\d+$/.test(port) ? `"[${host}]:${port}", or ${whole} if ${port} belongs to the address` : whole
}

type Refuse = (why: string) => Error

function parseBracketed(host: string, refuse: Refuse): string {
  const ip = host.includes(':') ? normalizeIp(host) : undefined
  if (ip === undefined) throw refuse(`is not an address: ${shown(host)} is not an IPv6 address`)
  return ip
}

function parseHost(host: string, port: string, refuse: Refuse): string {
  if (host === '') return '127.0.0.1'
  if (host === '*') throw refuse('has no valid host: write 0.0.0.0 for all IPv4 addresses, [::] for all')
  if (isIPv6(host)) throw refuse(`is not an address: write "[${host}]:${port}"`)
  if (/^\[?[\da-f:.]*:[\da-f:.]*$/i.test(host)) throw refuse('is not an address: IPv6 addresses stand in brackets, as in "[::1]:80"')
  const ip = normalizeIp(host)
  if (ip !== undefined) return ip
  if (/^[\d.]+$/.test(host)) throw refuse(`is not an address: ${shown(host)} is not four numbers from 0 to 255`)
  const name = parseName(host)
  if (name === undefined) throw refuse(`is not an address: ${shown(host)} is neither an IP address nor a host name`)
  return name
}

/**
 * A host name in lower case and ASCII, without a trailing dot, or `undefined`: at most 253 characters, labels of 1 to 63
 * letters, digits, hyphens and underscores (RFC 1123 section 2.1; underscores because they are in use).
 */
export function parseName(text: string): string | undefined {
  if (/[\s%/\\?#@:[\]]/.test(text)) return undefined
  const ascii = /^[\w.-]*$/.test(text) ? text.toLowerCase() : domainToASCII(text)
  const name = ascii.endsWith('.') ? ascii.slice(0, -1) : ascii
  const labels = name.split('.')
  if (name.length > 253 || !labels.every((label) => /^[a-z0-9_-]{1,63}$/.test(label))) return undefined
  return /^\d+$/.test(labels.at(-1) ?? '') ? undefined : name
}

function parsePath(node: string, path: unknown): PlanEndpoint {
  const refuse = (why: string) => misuse('ERR_MILLRACE_BAD_ADDRESS', node, `${shown(path)} ${why}`)
  if (typeof path !== 'string') throw refuse('is not a path: expected a string such as "/run/app.sock"')
  if (path === '' || path === '@') throw refuse('is not a path: it is empty')
  if (path.includes('\0')) throw refuse('is not a path: it contains a zero byte')
  const bytes = Buffer.byteLength(path)
  if (bytes > 107) throw refuse(`is not a path of a socket: ${bytes} bytes, at most 107 fit`)
  return { net: 'unix', path }
}
