/** The stage `throttle`. */
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, checkWord } from '../options.ts'
import type { Kind, Stage } from '../part.ts'
import { maxDatagramBytes } from '../plan.ts'
import type { PlanSettings } from '../plan.ts'

/** The options of `throttle` for sessions of any kind. */
export type ThrottleOptions = {
  /** Bytes a second, 1 to 1099511627776. */
  readonly bytesPerSecond: number
  /**
   * Bytes that may go at once after a pause, 1 to 4294967295; default what a tenth of a second brings, and for flows of datagrams at least 65507:
   * a datagram that is larger than the burst passes only when nothing has for as long as it takes to make up for all of that.
   */
  readonly burstBytes?: number
  /** Which direction; default both, each for itself. */
  readonly direction?: 'both' | 'toUpstream' | 'toDownstream'
}

/** The options of `throttle` for flows of datagrams, which can be counted too. */
export type DatagramThrottleOptions = Omit<ThrottleOptions, 'bytesPerSecond'> & {
  readonly bytesPerSecond?: number
  /** Datagrams a second, 1 to 2147483647. */
  readonly datagramsPerSecond: number
  /** Datagrams that may go at once after a pause, 1 to 2147483647; default what a tenth of a second brings. */
  readonly burstDatagrams?: number
}

type Given = Partial<DatagramThrottleOptions>

const names = ['bytesPerSecond', 'datagramsPerSecond', 'burstBytes', 'burstDatagrams', 'direction']

/**
 * Holds every session to a rate, each direction for itself; a later throttle of the same direction and unit takes the place of an earlier
 * one. A stream waits, and what `stun` and `stream` write to it waits where it leaves; datagrams over the rate are dropped (`policy`), because a late one is worth no more than a lost one.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function throttle(options: ThrottleOptions & { readonly datagramsPerSecond?: never }): Stage<Kind>
export function throttle(options: DatagramThrottleOptions): Stage<'datagram'>
export function throttle(options: Given): Stage<'datagram'> {
  checkNames('throttle', options, names)
  const { bytesPerSecond, datagramsPerSecond, burstBytes, burstDatagrams, direction = 'both' } = options
  if (bytesPerSecond === undefined && datagramsPerSecond === undefined) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'throttle', 'expected at least one of bytesPerSecond, datagramsPerSecond')
  }
  if (bytesPerSecond === undefined && burstBytes !== undefined) throw withoutRate('burstBytes', 'bytesPerSecond')
  if (datagramsPerSecond === undefined && burstDatagrams !== undefined) throw withoutRate('burstDatagrams', 'datagramsPerSecond')
  checkWord('throttle', 'direction', direction, ['both', 'toUpstream', 'toDownstream'])
  const ofStreams = rateOf(options, 1)
  const body = { step: 'settings', settings: ofStreams.settings } as const
  const ofDatagrams = rateOf(options, maxDatagramBytes)
  return { role: 'stage', name: 'throttle', shows: ofStreams.shows, body: ofDatagrams.shows === ofStreams.shows ? body : { ...body, ofDatagrams } }
}

/** What the options set; a burst in bytes that was not given is no less than `leastBurst`. */
function rateOf({ bytesPerSecond, burstBytes, datagramsPerSecond, burstDatagrams, direction = 'both' }: Given, leastBurst: number): { readonly settings: Partial<PlanSettings>; readonly shows: string } {
  const [up, down] = [direction !== 'toDownstream', direction !== 'toUpstream']
  const settings: { -readonly [Name in keyof PlanSettings]?: PlanSettings[Name] } = {}
  const shows: string[] = []
  if (bytesPerSecond !== undefined) {
    checkInteger('throttle', 'bytesPerSecond', bytesPerSecond, { least: 1, most: 2 ** 40, unit: 'bytes a second' })
    const burst = burstBytes ?? Math.max(leastBurst, Math.min(Math.ceil(bytesPerSecond / 10), 2 ** 32 - 1))
    checkInteger('throttle', 'burstBytes', burst, { least: 1, most: 2 ** 32 - 1, unit: 'bytes' })
    const rate = { bytesPerSecond, burstBytes: burst }
    if (up) settings.throttleToUpstream = rate
    if (down) settings.throttleToDownstream = rate
    shows.push(`${bytesPerSecond} bytes/s, burst ${burst} bytes`)
  }
  if (datagramsPerSecond !== undefined) {
    checkInteger('throttle', 'datagramsPerSecond', datagramsPerSecond, { least: 1, most: 2 ** 31 - 1, unit: 'datagrams a second' })
    const burst = checkInteger('throttle', 'burstDatagrams', burstDatagrams ?? Math.ceil(datagramsPerSecond / 10), { least: 1, most: 2 ** 31 - 1, unit: 'datagrams' })
    const rate = { datagramsPerSecond, burstDatagrams: burst }
    if (up) settings.throttleDatagramsToUpstream = rate
    if (down) settings.throttleDatagramsToDownstream = rate
    shows.push(`${datagramsPerSecond} datagrams/s, burst ${burst} datagrams`)
  }
  return { settings, shows: [...shows, ...(direction === 'both' ? [] : [direction])].join(', ') }
}

function withoutRate(burst: string, rate: string): Error {
  return misuse('ERR_MILLRACE_BAD_OPTION', 'throttle', `${burst} is the burst of ${rate}, which is missing`)
}
