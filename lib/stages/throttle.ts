/** The stage `throttle`. */
import { checkInteger, checkNames, checkWord } from '../options.ts'
import type { Stage } from '../part.ts'

/** The options of `throttle`. */
export type ThrottleOptions = {
  /** Bytes a second, 1 to 1099511627776. */
  readonly bytesPerSecond: number
  /** Bytes that may go at once after a pause, 1 to 4294967295; default what a tenth of a second brings. */
  readonly burstBytes?: number
  /** Which direction; default both, each for itself. */
  readonly direction?: 'both' | 'toUpstream' | 'toDownstream'
}

/**
 * Holds every session to a rate, each direction for itself; a later throttle of the same direction takes the place of an earlier one.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function throttle(options: ThrottleOptions): Stage<'stream'> {
  checkNames('throttle', options, ['bytesPerSecond', 'burstBytes', 'direction'])
  const bytesPerSecond = checkInteger('throttle', 'bytesPerSecond', options.bytesPerSecond, { least: 1, most: 2 ** 40, unit: 'bytes a second' })
  const { burstBytes = Math.min(Math.ceil(bytesPerSecond / 10), 2 ** 32 - 1), direction = 'both' } = options
  checkInteger('throttle', 'burstBytes', burstBytes, { least: 1, most: 2 ** 32 - 1, unit: 'bytes' })
  checkWord('throttle', 'direction', direction, ['both', 'toUpstream', 'toDownstream'])
  const rate = { bytesPerSecond, burstBytes }
  return {
    role: 'stage',
    name: 'throttle',
    shows: `${bytesPerSecond} bytes/s, burst ${burstBytes} bytes${direction === 'both' ? '' : `, ${direction}`}`,
    body: {
      step: 'settings',
      settings: {
        ...(direction === 'toDownstream' ? {} : { throttleToUpstream: rate }),
        ...(direction === 'toUpstream' ? {} : { throttleToDownstream: rate }),
      },
    },
  }
}
