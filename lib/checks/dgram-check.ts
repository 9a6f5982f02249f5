/** The check `dgramCheck`. */
import { checkTimes } from './check.ts'
import type { CheckOptions, HealthCheck } from './check.ts'
import { bytesOf } from './send-expect.ts'

/** The options of `dgramCheck`. */
export type DgramCheckOptions = CheckOptions & {
  /** The datagram to send, bytes or text, at most 1200 bytes. */
  readonly send: Uint8Array | string
  /** What has to be in a datagram that comes back, bytes or text, at most 1200 bytes; default nothing: any answer will do. */
  readonly expect?: Uint8Array | string
}

/** What fits into one packet on every path. */
const mostBytes = 1_200

/**
 * A member is up as long as it answers a datagram. An ICMP error is an answer too: that it is down.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function dgramCheck(options: DgramCheckOptions): HealthCheck<'datagram'> {
  const times = checkTimes('dgramCheck', options, ['send', 'expect'])
  return { role: 'check', kind: 'datagram', plan: { name: 'dgramCheck', ...times, send: bytesOf('dgramCheck', 'send', options.send, 0, mostBytes), expect: bytesOf('dgramCheck', 'expect', options.expect ?? '', 0, mostBytes) } }
}
