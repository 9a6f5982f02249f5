/** What is wrong after a soak: pure functions, from what was sampled to sentences. */
import { dropReasons } from '../../lib/index.ts'
import type { Account, Ledger } from '../../lib/index.ts'
import { median } from '../figures.ts'
import type { Round } from '../results.ts'
import type { Latency, Rounds } from './latency.ts'
import { descriptorKinds } from './sample.ts'
import type { Sample } from './sample.ts'

const mib = 2 ** 20

export const bounds = {
  /** What the process may grow by after its first minute: the pools keep 4 MiB of blocks, and the heap of Node breathes. A leak of a hundred bytes a session is more after an hour. */
  rssGrowthBytes: 32 * mib,
  /** Of a relay with nothing to do: its loop has no reason to wake up, Node wakes up to collect garbage. */
  loopWakeUpsPerSecond: 2,
  wakeUpsPerSecond: 30,
  /** How many times the p99 of small messages may be as long beside two elephants. */
  latencyRatio: 2,
  /** Who wants a core meanwhile: the loop, both ends of the messages and both of bulk. */
  coresWanted: 5,
  /** Of the messages that are due in a round, or else those that would have taken longest are not in its p99. */
  answeredPercent: 90,
  /** Less beside the messages is no bulk. */
  bulkBytesPerSecond: 100e6,
} as const

/** What is held at the end and was not at the beginning. */
export function leaks(before: Sample, after: Sample): readonly string[] {
  const more = (what: string, then: number, now: number): readonly string[] => (now === then ? [] : [`${what}: ${now} at the end, ${then} at the beginning`])
  return [
    ...descriptorKinds.flatMap((kind) => more(`descriptors, ${kind}`, before.descriptors[kind], after.descriptors[kind])),
    ...more('sessions', before.sessions, after.sessions),
    ...more('pending bytes', before.pendingBytes, after.pendingBytes),
    ...more('pending datagrams', before.pendingDatagrams, after.pendingDatagrams),
    ...more('pipes in use', before.pipesInUse, after.pipesInUse),
    ...more('bytes of pipes', before.pipesCapacityBytes, after.pipesCapacityBytes),
  ]
}

/** From when on growth is growth: after the first minute, or half of what is shorter than two. */
export function settledFrom(samples: readonly Sample[]): number {
  return Math.min(60, (samples.at(-1)?.seconds ?? 0) / 2)
}

export type Growth = { readonly bytes: number; readonly bytesPerMinute: number }

/** What the memory has grown by, from the first sample that counts to the end, and the slope of the line that fits them best. */
export function growth(samples: readonly Sample[], end: Sample): Growth {
  const from = settledFrom(samples)
  const counted = samples.filter(({ seconds }) => seconds >= from)
  const first = counted[0] ?? end
  return { bytes: end.rssBytes - first.rssBytes, bytesPerMinute: 60 * slope(counted.map(({ seconds, rssBytes }) => [seconds, rssBytes] as const)) }
}

/** Least squares; 0 of fewer than two points. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number => points.reduce((sum, point) => sum + of(point), 0) / Math.max(1, points.length)
  const [x, y] = [mean((point) => point[0]), mean((point) => point[1])]
  const spread = points.reduce((sum, point) => sum + (point[0] - x) ** 2, 0)
  return spread === 0 ? 0 : points.reduce((sum, point) => sum + (point[0] - x) * (point[1] - y), 0) / spread
}

export function growthFaults({ bytes }: Growth): readonly string[] {
  return bytes <= bounds.rssGrowthBytes ? [] : [`memory: it has grown by ${(bytes / mib).toFixed(1)} MiB since its first minute, more than ${bounds.rssGrowthBytes / mib} MiB`]
}

/** Where the books do not balance, added up here once more and not as the ledger does it. */
export function imbalances(ledger: Ledger): readonly string[] {
  return [
    ...accountFaults('all', ledger),
    ...ledger.pipelines.flatMap((account, place) => accountFaults(`pipeline ${place}`, account)),
    ...(ledger.balanced ? [] : ['ledger: it says itself that it does not balance']),
  ]
}

function accountFaults(where: string, { sessions, reasons, toUpstream, toDownstream, datagrams }: Account): readonly string[] {
  const equal = (what: string, left: number, right: number): readonly string[] => (left === right ? [] : [`ledger of ${where}: ${what}: ${left} is not ${right}`])
  const ways = { toUpstream: { bytes: toUpstream, datagrams: datagrams.toUpstream }, toDownstream: { bytes: toDownstream, datagrams: datagrams.toDownstream } }
  return [
    ...equal('sessions accepted = open + closed', sessions.accepted, sessions.open + sessions.closed),
    ...equal('sessions closed = the sum of the reasons', sessions.closed, Object.values(reasons).reduce((sum, count) => sum + count, 0)),
    ...Object.entries(ways).flatMap(([way, { bytes, datagrams: counts }]) => {
      const dropped = dropReasons.reduce((sum, reason) => sum + counts.dropped[reason].datagrams, 0)
      return [
        ...equal(`bytes ${way}: received + produced = sent + consumed + dropped`, bytes.received + bytes.produced, bytes.sent + bytes.consumed + bytes.dropped),
        ...equal(`datagrams ${way}: received + produced = sent + consumed + dropped`, counts.received + counts.produced, counts.sent + counts.consumed + dropped),
      ]
    }),
  ]
}

/** Datagrams that were dropped, by reason. */
export function drops({ datagrams }: Ledger): Readonly<Record<string, number>> {
  const counts = dropReasons.map((reason) => [reason, datagrams.toUpstream.dropped[reason].datagrams + datagrams.toDownstream.dropped[reason].datagrams] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

export function wakeUpFaults(load: { readonly threadWakeUpsPerSecond: number; readonly wakeUpsPerSecond: number }): readonly string[] {
  const judge = (who: string, rate: number, most: number): readonly string[] => (rate <= most ? [] : [`wake-ups: ${who} wakes up ${rate.toFixed(1)} times a second with nothing to do, more than ${most}`])
  return [...judge('its loop', load.threadWakeUpsPerSecond, bounds.loopWakeUpsPerSecond), ...judge('its process', load.wakeUpsPerSecond, bounds.wakeUpsPerSecond)]
}

export function messageFaults(what: string, rounds: readonly Round[]): readonly string[] {
  const failed = rounds.reduce((sum, round) => sum + (round.failed ?? 0), 0)
  return failed === 0 ? [] : [`${what}: ${failed} connections failed or had a wrong answer`]
}

const p99 = (rounds: readonly Round[]): number => median(rounds.map(({ p99Us = 0 }) => p99Us))

/** Of the medians of p99. */
export const latencyRatio = ({ alone, beside }: Pick<Rounds, 'alone' | 'beside'>): number => p99(beside) / p99(alone)

/**
 * What tells of the relay: with a core for everybody what there is. With fewer a message waits longer for a core than in the relay, so who carries messages has to go ahead, and
 * is compared with the shorter p99 alone; nothing where they may not.
 */
export function judgedLatency({ shared, ahead }: Latency, cores: number): Rounds | undefined {
  if (cores >= bounds.coresWanted) return shared
  return ahead && { ...ahead, alone: p99(ahead.alone) < p99(shared.alone) ? ahead.alone : shared.alone }
}

export function latencyFaults(judged: Rounds): readonly string[] {
  const [ratio, rounds] = [latencyRatio(judged), [...judged.alone, ...judged.beside]]
  const answered = Math.min(...rounds.map(({ answeredPercent = 0 }) => answeredPercent))
  const bulk = median(judged.beside.map(({ bulkBytesPerSecond = 0 }) => bulkBytesPerSecond))
  return [
    ...messageFaults('latency', rounds),
    ...(answered >= bounds.answeredPercent ? [] : [`latency: only ${answered.toFixed(0)} % of the small messages have an answer, less than ${bounds.answeredPercent} %`]),
    ...(bulk >= bounds.bulkBytesPerSecond ? [] : [`latency: bulk has carried only ${(bulk / 1e6).toFixed(1)} MB/s, less than ${bounds.bulkBytesPerSecond / 1e6}`]),
    ...(ratio <= bounds.latencyRatio ? [] : [`latency: the p99 of small messages is ${ratio.toFixed(2)} times as long beside bulk, more than ${bounds.latencyRatio}`]),
  ]
}
