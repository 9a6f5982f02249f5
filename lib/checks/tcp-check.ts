/** The check `tcpCheck`. */
import { checkTimes } from './check.ts'
import type { CheckOptions, HealthCheck } from './check.ts'

const nothing = new Uint8Array(0)

/**
 * A member is up as long as it can be connected to; the connection is reset at once. The kernel of a program that hangs still accepts until the queue is full: what finds
 * that out is `sendExpect`. Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function tcpCheck(options: CheckOptions = {}): HealthCheck<'stream'> {
  return { role: 'check', kind: 'stream', plan: { name: 'tcpCheck', ...checkTimes('tcpCheck', options), send: nothing, expect: nothing } }
}
