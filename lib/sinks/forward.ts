/** The sink `forward`. */
import { hasRole, refuse } from '../chain.ts'
import type { Endpoint } from '../endpoint.ts'
import { formatEndpoint } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, checkWord, formatMs, maxMs, shown } from '../options.ts'
import type { Kind, Sink } from '../part.ts'
import type { PlanEndpoint, PlanProxyDialect, PlanSet } from '../plan.ts'
import { checkSources, showSources } from '../proxy/sources.ts'
import type { Via } from '../proxy/via.ts'
import { checkAsked, checkVia, showVia } from '../proxy/via.ts'
import { showSet, upstreamText } from '../upstreams/upstreams.ts'
import type { UpstreamSet } from '../upstreams/upstreams.ts'

/** The options of `forward` to a stream endpoint. */
export type ForwardOptions = {
  /** Milliseconds until connected, all attempts together, 1 to 2147483647; default 5000. */
  readonly connectTimeoutMs?: number
  /** Further attempts after the first has failed, each at the next address of a name, or at a member of a set that was not tried, 0 to 16; default 2. */
  readonly retries?: number
  /**
   * The local IP address to connect from, or 1 to 256 of them, none twice; default the system's choice, and so it is for an upstream whose family none of
   * them has. Sessions take them in turn. One that has no port left for the upstream, or is not of this machine (EADDRNOTAVAIL, EADDRINUSE), is passed over at
   * once for the next, without using up a retry; when all have been tried the attempt has failed. Each has as many ports to an upstream as
   * net.ipv4.ip_local_port_range says, see `millrace doctor`; IP_BIND_ADDRESS_NO_PORT of ip(7) is set.
   */
  readonly sourceAddress?: string | readonly string[]
  /**
   * The version, 1 or 2, of the header of the PROXY protocol that goes to the upstream before everything else (HAProxy's doc/proxy-protocol.txt), so that it knows whom the session is from;
   * default none. It names the downstream, as `proxyProtocol` has read it where there is one, and the address that it came to. A Unix downstream has none: UNKNOWN, or a header without addresses.
   */
  readonly proxyProtocol?: 1 | 2
  /**
   * The proxy to go through, made by `socks5Proxy` or `httpProxy`, or 1 to 8 of them in their order: the first is connected and asked for the second, and so on; the last is asked for the endpoint,
   * whose name it resolves. All within `connectTimeoutMs`. A proxy that refuses, or is none, ends the session with `proxyFailed`. Not for a Unix endpoint, a set of upstreams or a range of ports. Default none.
   */
  readonly via?: Via | readonly Via[]
}

/** The options of `forward` to a UDP endpoint. */
export type DatagramForwardOptions = {
  /**
   * How many datagrams the upstream answers each one with, 0 (any number) to 2147483647; default 0. A flow that has them all is `finished` and
   * its descriptor free: 1 for DNS. They are counted, not matched: after a question that nobody answers the flow waits for `idleTimeout`.
   */
  readonly responses?: number
  /**
   * The local IP address to send from, or 1 to 256 of them, none twice; default the system's choice, and so it is for an upstream whose family none of
   * them has. Flows take them in turn, and one that has no port left is passed over for the next; when all are out the oldest flow that nobody has
   * answered gives way. Each has as many ports as net.ipv4.ip_local_port_range says, for all upstreams together: UDP binds before it connects.
   */
  readonly sourceAddress?: string | readonly string[]
  /**
   * 2: each datagram goes to the upstream behind a header of the PROXY protocol, in one datagram with it (HAProxy's doc/proxy-protocol.txt), so that it knows whom the flow is from; default none. It names the
   * downstream and the address that it sent to, and makes a datagram 28 bytes longer, or 52 with IPv6: what is then too large, more than 65507 bytes or over IPv6 65527, is dropped as `tooLarge`. The upstream's own datagrams have none.
   */
  readonly proxyProtocol?: 2
  /**
   * Which datagrams of a flow have the header: `every` (default), or only the `first`, for an upstream that remembers by its port whom a flow is from. One that is
   * too large with its header leaves that to the next; should it be refused here otherwise, the flow ends (`connectFailed`), as it does with any ICMP error (`connectRefused`),
   * and the next begins anew; should it be lost unnoticed, the upstream never knows. Prefer `every`.
   */
  readonly proxyDialect?: 'every' | 'first'
}

type AnyOptions = Omit<ForwardOptions, 'proxyProtocol'> & Omit<DatagramForwardOptions, 'proxyProtocol'> & { readonly proxyProtocol?: 1 | 2 }

/**
 * Goes to the endpoint, or to a member of the set that `upstreams` made, and relays both ways, natively. A stream is connected, and half-close and reset are passed on. Each flow of datagrams has
 * a socket of its own there, and only what comes from there is sent back. A name is resolved off the loop and again by its TTL. With a
 * range of ports a session goes to the port at the place in the range that its listener has in its own, so both need the same length.
 * Throws ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and, for what is no endpoint, ERR_MILLRACE_BAD_PIPELINE.
 */
export function forward(endpoint: Endpoint<'stream'> | UpstreamSet<'stream'>, options?: ForwardOptions): Sink<'stream'>
export function forward(endpoint: Endpoint<'datagram'> | UpstreamSet<'datagram'>, options?: DatagramForwardOptions): Sink<'datagram'>
export function forward(endpoint: Endpoint<Kind> | UpstreamSet<Kind>, options: AnyOptions = {}): Sink<Kind> {
  if (!hasRole(endpoint, 'endpoint') && !hasRole(endpoint, 'upstreams')) {
    throw refuse('forward', `expected an endpoint such as tcp("10.0.0.1:80"), not ${shown(endpoint)}`)
  }
  checkNames('forward', options, ['connectTimeoutMs', 'retries', 'responses', 'sourceAddress', 'proxyProtocol', 'proxyDialect', 'via'])
  const { kind, at: upstream } = endpoint
  if (upstream.net !== 'unix' && upstream.net !== 'set' && upstream.port === 0) {
    throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'forward', `"${formatEndpoint(upstream)}" has no port to connect to: expected 1 to 65535`)
  }
  const { connectTimeoutMs, retries, responses, proxyProtocol, proxyDialect, shows } = kind === 'stream' ? ofStream(upstream, options) : ofDatagram(upstream, options)
  const via = options.via === undefined ? [] : viaTo(upstream, options.via)
  const sourceAddresses = options.sourceAddress === undefined ? [] : checkSources('forward', options.sourceAddress)
  return {
    role: 'sink',
    name: 'forward',
    shows: [upstream.net === 'set' ? showSet(upstream) : formatEndpoint(upstream), ...shows, ...showVia(via), ...showSources(sourceAddresses)].join(', '),
    body: { step: 'forward', upstream, connectTimeoutMs, retries, sourceAddresses, responses, proxyProtocol, proxyDialect, via },
  }
}

function viaTo(upstream: PlanEndpoint | PlanSet, given: unknown): readonly Via[] {
  if (upstream.net === 'set') throw misuse('ERR_MILLRACE_BAD_OPTION', 'forward', 'via is not for a set of upstreams: a proxy is asked for one endpoint')
  if (upstream.net !== 'tcp') throw notFor('via', upstream, 'a proxy connects to TCP endpoints')
  if (upstream.lastPort !== undefined) throw notFor('via', upstream, 'a proxy is asked for one port')
  const via = checkVia('forward', given)
  checkAsked('forward', upstream.host)
  return via
}

type Checked = { readonly connectTimeoutMs: number; readonly retries: number; readonly responses: number; readonly proxyProtocol: 0 | 1 | 2; readonly proxyDialect: PlanProxyDialect; readonly shows: readonly string[] }

function ofStream(upstream: PlanEndpoint | PlanSet, { connectTimeoutMs = 5_000, retries = ofSet(upstream) ?? 2, responses, proxyProtocol, proxyDialect }: AnyOptions): Checked {
  if (responses !== undefined) throw notFor('responses', upstream, 'a stream ends by FIN, not after a number of datagrams')
  if (proxyDialect !== undefined) throw notFor('proxyDialect', upstream, 'a stream has one header, before everything')
  checkInteger('forward', 'connectTimeoutMs', connectTimeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger('forward', 'retries', retries, { least: 0, most: 16, unit: 'attempts' })
  if (![undefined, 1, 2].includes(proxyProtocol)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'forward', `proxyProtocol must be 1 or 2, not ${shown(proxyProtocol)}`)
  const header = proxyProtocol === undefined ? [] : [`PROXY version ${proxyProtocol}`]
  const shows = [`connect within ${formatMs(connectTimeoutMs)}`, `${retries} ${retries === 1 ? 'retry' : 'retries'}`, ...header]
  return { connectTimeoutMs, retries, responses: 0, proxyProtocol: proxyProtocol ?? 0, proxyDialect: 'every', shows }
}

function ofDatagram(upstream: PlanEndpoint | PlanSet, { connectTimeoutMs, retries, responses = 0, proxyProtocol, proxyDialect = 'every' }: AnyOptions): Checked {
  if (connectTimeoutMs !== undefined) throw notFor('connectTimeoutMs', upstream, 'there is no connection to wait for')
  if (retries !== undefined) throw notFor('retries', upstream, 'there is no connection that could fail')
  if (proxyProtocol !== undefined && proxyProtocol !== 2) throw misuse('ERR_MILLRACE_BAD_OPTION', 'forward', `proxyProtocol must be 2 for datagrams, which version 1 does not know, not ${shown(proxyProtocol)}`)
  checkInteger('forward', 'responses', responses, { least: 0, most: 2_147_483_647, unit: 'datagrams', zero: 'a flow never ends by them' })
  checkWord('forward', 'proxyDialect', proxyDialect, ['every', 'first'])
  if (proxyDialect === 'first' && proxyProtocol === undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', 'forward', 'proxyDialect is about the header that proxyProtocol: 2 makes, which is not there')
  const shows = [...(responses === 0 ? [] : [`${responses} ${responses === 1 ? 'response' : 'responses'}`]), ...(proxyProtocol === undefined ? [] : [`PROXY version 2${proxyDialect === 'first' ? ' before the first datagram' : ''}`])]
  return { connectTimeoutMs: 0, retries: 0, responses, proxyProtocol: proxyProtocol ?? 0, proxyDialect, shows }
}

function ofSet(upstream: PlanEndpoint | PlanSet): number | undefined {
  return upstream.net === 'set' ? (upstream.retries ?? undefined) : undefined
}

function notFor(name: string, upstream: PlanEndpoint | PlanSet, why: string): Error {
  return misuse('ERR_MILLRACE_BAD_OPTION', 'forward', `${name} is not for ${upstreamText(upstream)}: ${why}`)
}
