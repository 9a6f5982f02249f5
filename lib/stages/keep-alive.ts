/** The stage `keepAlive`. */
import { checkInteger, checkMs, checkNames } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `keepAlive`. */
export type KeepAliveOptions = {
  /** Seconds of silence before the first probe, 1 to 32767; default 60. TCP_KEEPIDLE. */
  readonly idleSeconds?: number
  /** Seconds between probes, 1 to 32767; default 10. TCP_KEEPINTVL. */
  readonly intervalSeconds?: number
  /** Probes without an answer after which the peer is gone, 1 to 127; default 6. TCP_KEEPCNT. */
  readonly probes?: number
  /** Milliseconds that sent bytes may stay unacknowledged; default 0, which leaves it to the system. TCP_USER_TIMEOUT. */
  readonly userTimeoutMs?: number
}

/**
 * Has the kernel find out about peers that are gone, on both sides of a session: see tcp(7).
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function keepAlive(options: KeepAliveOptions = {}): Stage<'stream'> {
  checkNames('keepAlive', options, ['idleSeconds', 'intervalSeconds', 'probes', 'userTimeoutMs'])
  const { idleSeconds = 60, intervalSeconds = 10, probes = 6, userTimeoutMs = 0 } = options
  checkInteger('keepAlive', 'idleSeconds', idleSeconds, { least: 1, most: 32_767, unit: 'seconds' })
  checkInteger('keepAlive', 'intervalSeconds', intervalSeconds, { least: 1, most: 32_767, unit: 'seconds' })
  checkInteger('keepAlive', 'probes', probes, { least: 1, most: 127, unit: 'probes' })
  checkMs('keepAlive', 'userTimeoutMs', userTimeoutMs)
  return {
    role: 'stage',
    name: 'keepAlive',
    shows: `after ${idleSeconds} s, ${probes} probes every ${intervalSeconds} s${userTimeoutMs === 0 ? '' : `, user timeout ${userTimeoutMs} ms`}`,
    body: { step: 'settings', settings: { keepAlive: { idleSeconds, intervalSeconds, probes, userTimeoutMs } } },
  }
}
