/** Cores for the relay's loops, by what a core was measured to relay. */
import { usableCpus } from '../cpus.ts'
import type { Facts } from '../facts.ts'
import { isUnseen } from '../facts.ts'
import type { Load, Need } from './need.ts'
import { eachWay, verdictOn } from './need.ts'
import type { Measured, Pace } from '../measure.ts'
import { many, numberText, ppsText, timeText, trimmed } from '../text.ts'

/** Datagrams of one flow that follow each other closer than that may be read as a train; what is further apart comes one by one. */
const trainGapSeconds = 100e-6

export function coresFor(load: Load, facts: Facts, { single, trains }: Measured): readonly Need[] {
  const gap = 1 / load.ppsPerFlow
  const close = gap < trainGapSeconds && trains !== undefined
  const reason = `a flow has a datagram every ${timeText(gap)}`
  const steady = need(load, facts, single, close ? 'cores-single' : 'cores', `${many(single.flows, 'flow')} with one datagram on the way each`, close ? 'if they come one by one' : `${reason}, so this one applies`)
  if (trains === undefined) return [steady]
  const inTrains = need(load, facts, trains, close ? 'cores' : 'cores-trains', `${many(trains.flows, 'flow')} in trains`, close ? `${reason}, so this one applies` : 'only where senders send bursts, such as QUIC')
  // The one that does not apply is told, and says nothing about fitting.
  const [applies, other] = close ? [inTrains, steady] : [steady, inTrains]
  return [applies, { resource: other.resource, verdict: 'note', text: other.text, needed: other.needed }]
}

function need(load: Load, facts: Facts, pace: Pace, resource: string, what: string, applies: string): Need {
  const relayed = 2 * eachWay(load)
  if (pace.perCoreSecond === 0) return { resource, verdict: 'unknown', text: `nothing came through the relay that was measured with ${what}: is loopback down?`, needed: relayed }
  const cores = relayed / pace.perCoreSecond
  const usable = usableCpus(facts)
  const have = isUnseen(usable) ? undefined : usable
  const text =
    `${cores < 0.1 ? 'less than 0.1' : trimmed(cores)} cores for ${ppsText(relayed)} relayed, both ways together, at ${ppsText(pace.perCoreSecond)} a core, ` +
    `measured with ${what}: ${applies}; ${have === undefined ? 'how many there are is not visible' : `there are ${trimmed(have)}`}`
  const verdict = verdictOn(Math.ceil(cores), have)
  const todo = [
    have === undefined ? 'kernel offload' : `kernel offload, ${numberText(Math.max(2, Math.ceil(cores / have)))} machines like this one, or one with ${numberText(Math.ceil(cores))} cores and a shard on each`,
  ]
  return { resource, verdict, text, needed: cores, ...(have === undefined ? {} : { available: have }), ...(verdict === 'short' ? { todo } : {}) }
}
