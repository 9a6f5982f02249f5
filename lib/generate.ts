/** The source `generate`: a load generator in the place of a listener. */
import { checkBoolean, checkInteger, checkMs, checkNames, formatMs } from './options.ts'
import type { Source } from './part.ts'
import { maxDatagramBytes } from './plan.ts'

/** The options of `generate`. */
export type GenerateOptions = {
  /** Flows, each from a port of its own, 1 to 65536; default 1. */
  readonly flows?: number
  /** Bytes of each datagram, 0 to 65507; default 64. Latency, loss and order are measured where there is room for it, from 12 bytes on. */
  readonly sizeBytes?: number
  /** Datagrams a second of all flows together, 0 (as fast as it goes) to 2147483647; default 0. */
  readonly ratePerSecond?: number
  /** Datagrams of a flow that may be unanswered before it waits, 1 to 65535; default any number. */
  readonly window?: number
  /** Milliseconds until it stops, 0 (never) to 2147483647; default 0. The notice `generated` tells when the last answers had time to come. */
  readonly durationMs?: number
  /** Whether runs of datagrams leave as one UDP_SEGMENT send, see udp(7); default false. */
  readonly gso?: boolean
}

const names = ['flows', 'sizeBytes', 'ratePerSecond', 'window', 'durationMs', 'gso']

/**
 * Makes datagrams instead of receiving them, and measures what comes back: `server.load()` tells. What follows is one
 * `forward(udp(…))`; the flows take the ports of a range in turn. Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function generate(options: GenerateOptions = {}): Source<'datagram'> {
  checkNames('generate', options, names)
  const { flows = 1, sizeBytes = 64, ratePerSecond = 0, window, durationMs = 0, gso = false } = options
  checkInteger('generate', 'flows', flows, { least: 1, most: 65_536, unit: 'flows' })
  checkInteger('generate', 'sizeBytes', sizeBytes, { least: 0, most: maxDatagramBytes, unit: 'bytes' })
  checkInteger('generate', 'ratePerSecond', ratePerSecond, { least: 0, most: 2_147_483_647, unit: 'datagrams a second', zero: 'as fast as it goes' })
  if (window !== undefined) checkInteger('generate', 'window', window, { least: 1, most: 65_535, unit: 'datagrams' })
  checkMs('generate', 'durationMs', durationMs)
  checkBoolean('generate', 'gso', gso)
  const shows = [
    `${flows} ${flows === 1 ? 'flow' : 'flows'}`,
    `${sizeBytes} bytes`,
    ratePerSecond === 0 ? 'as fast as it goes' : `${ratePerSecond} datagrams/s`,
    ...(window === undefined ? [] : [`window ${window}`]),
    ...(durationMs === 0 ? [] : [`for ${formatMs(durationMs)}`]),
    ...(gso ? ['gso'] : []),
  ]
  return {
    role: 'source',
    name: 'generate',
    shows: shows.join(', '),
    kind: 'datagram',
    listen: [],
    backlog: 0,
    dualStack: false,
    receiveBufferBytes: 0,
    sendBufferBytes: 0,
    maxSegmentBytes: 0,
    incomingCpu: -1,
    maxFlows: flows,
    maxFlowsPerAddress: 0,
    generate: { flows, sizeBytes, ratePerSecond, window: window ?? 0, durationMs, gso },
  }
}
