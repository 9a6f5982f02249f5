/** The check `sendExpect`. */
import { misuse } from '../errors.ts'
import { checkBytes } from '../options.ts'
import { checkTimes } from './check.ts'
import type { CheckOptions, HealthCheck } from './check.ts'

/** The options of `sendExpect`. */
export type SendExpectOptions = CheckOptions & {
  /** What is sent once connected, bytes or text, at most 4096 bytes; default nothing, for servers that speak first. */
  readonly send?: Uint8Array | string
  /** What has to be among the first 4096 bytes that come back, bytes or text, 1 to 4096 bytes. */
  readonly expect: Uint8Array | string
}

/** Most bytes of either. */
const mostBytes = 4_096

/**
 * A member is up as long as it answers what is sent with something that has `expect` in it: `sendExpect({ send: 'PING\r\n', expect: '+PONG' })`.
 * A server that wants a PROXY header needs one in `send` too: `PROXY UNKNOWN\r\n`. Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function sendExpect(options: SendExpectOptions): HealthCheck<'stream'> {
  const times = checkTimes('sendExpect', options, ['send', 'expect'])
  return { role: 'check', kind: 'stream', plan: { name: 'sendExpect', ...times, send: bytesOf('sendExpect', 'send', options.send ?? '', 0, mostBytes), expect: bytesOf('sendExpect', 'expect', options.expect, 1, mostBytes) } }
}

/** Bytes or text of a bounded length. */
export function bytesOf(node: string, name: string, value: unknown, least: number, most: number): Uint8Array {
  const bytes = checkBytes(node, name, value)
  if (bytes.length >= least && bytes.length <= most) return Uint8Array.from(bytes)
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be ${least} to ${most} bytes, not ${bytes.length}`)
}
