/**
 * The native parsers, for handlers and scripts: what matchers and stages read of first bytes can be read here too, by the same code. All are pure and may be asked again with more bytes: an answer other than `more` does not
 * change. Each throws ERR_MILLRACE_BAD_OPTION for what are no bytes, and ERR_MILLRACE_NO_ADDON.
 */
import { normalizeIp } from './address.ts'
import { addonFor } from './addon.ts'
import { checkMatcher } from './chain.ts'
import { misuse } from './errors.ts'
import type { NativeMatcher } from './native.ts'
import { checkBoolean, checkNames, shown } from './options.ts'
import type { AnyMatcher, Kind, Matcher } from './part.ts'
import type { PlanMatcher } from './plan.ts'

/**
 * What has been read of first bytes: `more`, it takes more to say; `none`, they are of something else; `malformed`, they are of this and wrong; `read`, what they say.
 */
export type Reading<T> = { readonly state: 'more' | 'none' | 'malformed' } | ({ readonly state: 'read' } & T)

/** A TLS ClientHello (RFC 8446 section 4.1.2). */
export type ClientHello = {
  /** The name of server_name (RFC 6066 section 3), lower-case; absent where there is none. */
  readonly serverName?: string
  /** What ALPN offers (RFC 7301), in its order. */
  readonly protocols: readonly string[]
}

/** The head of an HTTP request (RFC 9112), or the preface of HTTP/2, of which nothing more is read (RFC 9113 section 3.4). */
export type HttpRequest =
  | { readonly version: 2 }
  | {
      readonly version: 1
      readonly method: string
      /** As it came. */
      readonly target: string
      /** The path of the target, without query; empty where it has none (`*`, CONNECT). */
      readonly path: string
      /** The host it is for, lower-case and without port; absent where none is named. */
      readonly host?: string
    }

/** A header of the PROXY protocol, either version. */
export type ProxyHeader = {
  /** Its length. */
  readonly bytes: number
  /** Whom the proxy speaks for, `192.0.2.1:56324`; absent where it speaks for itself or does not say. */
  readonly source?: string
  /** The address that was reached, in the same way. */
  readonly destination?: string
}

/** The options of `matches`. */
export type MatchOptions = {
  /** Whether no more bytes will come, so that the answer is never `more`; default false. */
  readonly ended?: boolean
  /** Whether the bytes are one whole datagram; default false. */
  readonly datagram?: boolean
  /** The IP address of whom they are from, for `remoteAddress`; default none. */
  readonly from?: string
}

const natives = new WeakMap<AnyMatcher, NativeMatcher>()

/** What a matcher says of these first bytes, as `route` would ask it. Throws ERR_MILLRACE_BAD_ADDRESS and ERR_MILLRACE_BAD_PIPELINE, too. */
export function matches<K extends Kind>(matcher: Matcher<K>, bytes: Uint8Array, options: MatchOptions = {}): 'yes' | 'no' | 'more' {
  const checked = checkMatcher('matches', matcher)
  checkNames('matches', options, ['ended', 'datagram', 'from'])
  const { ended = false, datagram = false, from } = options
  checkBoolean('matches', 'ended', ended)
  checkBoolean('matches', 'datagram', datagram)
  const address = from === undefined ? '' : normalizeIp(from)
  if (address === undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'matches', `from: ${shown(from)} is not an IP address`)
  if (namesFile(checked.plan)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'matches', `${checked.name}(${checked.shows}) has networks of a file, which only a server reads`)
  const native = natives.get(checked) ?? new (addonFor('matches').Matcher)(checked.plan)
  natives.set(checked, native)
  return native.match(bytesOf('matches', bytes), ended || datagram, datagram, address)
}

/** Reads a TLS ClientHello, over any number of TLS records. */
export function readClientHello(bytes: Uint8Array): Reading<ClientHello> {
  return addonFor('readClientHello').readClientHello(bytesOf('readClientHello', bytes))
}

/** Reads the head of an HTTP request; what two readers could understand differently is malformed. */
export function readHttpRequest(bytes: Uint8Array): Reading<HttpRequest> {
  return addonFor('readHttpRequest').readHttpRequest(bytesOf('readHttpRequest', bytes))
}

/** Reads a header of the PROXY protocol. */
export function readProxyHeader(bytes: Uint8Array): Reading<ProxyHeader> {
  return addonFor('readProxyHeader').readProxyHeader(bytesOf('readProxyHeader', bytes))
}

function namesFile(plan: PlanMatcher): boolean {
  if (plan.op === 'not') return namesFile(plan.matcher)
  if (plan.op === 'any') return plan.matchers.some(namesFile)
  return plan.op === 'remoteAddress' && plan.files !== undefined && plan.files.length > 0
}

function bytesOf(node: string, value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `expected a Uint8Array, not ${shown(value)}`)
}
