/** The sink `forward`. */
import { normalizeIp } from '../address.ts'
import { hasRole, refuse } from '../chain.ts'
import type { Endpoint } from '../endpoint.ts'
import { formatEndpoint } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, formatMs, maxMs, shown } from '../options.ts'
import type { Kind, Sink } from '../part.ts'

/** The options of `forward`. */
export type ForwardOptions = {
  /** Milliseconds until connected, all attempts together, 1 to 2147483647; default 5000. */
  readonly connectTimeoutMs?: number
  /** Further attempts after the first has failed, each at the next address of a name, 0 to 16; default 2. */
  readonly retries?: number
  /** The local IP address to connect from; default the system's choice. */
  readonly sourceAddress?: string
}

/**
 * Connects to the endpoint and relays bytes both ways, natively, with half-close and reset passed on. A name is resolved off the loop
 * and again by its TTL. Throws ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and, for what is no
 * endpoint, ERR_MILLRACE_BAD_PIPELINE.
 */
export function forward<K extends Kind>(endpoint: Endpoint<K>, options: ForwardOptions = {}): Sink<K> {
  if (!hasRole(endpoint, 'endpoint')) {
    throw refuse('forward', `expected an endpoint such as tcp("10.0.0.1:80"), not ${shown(endpoint)}`)
  }
  checkNames('forward', options, ['connectTimeoutMs', 'retries', 'sourceAddress'])
  const { connectTimeoutMs = 5_000, retries = 2, sourceAddress } = options
  checkInteger('forward', 'connectTimeoutMs', connectTimeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger('forward', 'retries', retries, { least: 0, most: 16, unit: 'attempts' })
  const upstream = endpoint.at
  if (upstream.net === 'tcp' && upstream.port === 0) {
    throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'forward', `"${formatEndpoint(upstream)}" has no port to connect to: expected 1 to 65535`)
  }
  const source = sourceAddress === undefined ? null : checkSource(sourceAddress)
  const shows = [formatEndpoint(upstream), `connect within ${formatMs(connectTimeoutMs)}`, `${retries} ${retries === 1 ? 'retry' : 'retries'}`, ...(source === null ? [] : [`from ${source}`])]
  return {
    role: 'sink',
    name: 'forward',
    shows: shows.join(', '),
    body: { step: 'forward', upstream, connectTimeoutMs, retries, sourceAddress: source },
  }
}

function checkSource(text: unknown): string {
  const ip = typeof text === 'string' ? normalizeIp(text) : undefined
  if (ip === undefined) throw misuse('ERR_MILLRACE_BAD_ADDRESS', 'forward', `sourceAddress: ${shown(text)} is not an IP address`)
  return ip
}
