/** The soak in words. */
import type { Load } from '../../test/support/proc.ts'
import { count, figure, markdown, median } from '../figures.ts'
import { numberAt } from '../programs.ts'
import type { Program } from '../programs.ts'
import type { Round } from '../results.ts'
import { descriptorKinds } from './sample.ts'
import type { Sample } from './sample.ts'
import { bounds, drops, growth, judgedLatency, latencyRatio, settledFrom } from './judge.ts'
import type { Latency, Rounds } from './latency.ts'
import type { Run } from './run.ts'

const mib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

/** `120 s: 31 sessions, 71 sockets, …`, while it runs. */
export function sampleLine(sample: Sample, clients?: Program): string {
  const stats = clients?.lines.findLast(({ type }) => type === 'stats')
  const { seconds, sessions, descriptors, pipesInUse, pendingBytes, rssBytes } = sample
  const kinds = descriptorKinds.map((kind) => `${kind} ${descriptors[kind]}`).join(', ')
  return `${seconds.toFixed(0)} s: ${sessions} sessions; ${kinds}; pipes in use ${pipesInUse}; pending ${mib(pendingBytes)}; RSS ${mib(rssBytes)}${stats === undefined ? '' : `; ${mib(numberAt(stats, 'bytes'))} of streams, ${numberAt(stats, 'faults')} faults`}`
}

export function runReport({ before, samples, after, ledger, messages, datagrams, done, bytes }: Run, idle: Load): string {
  const { bytes: grown, bytesPerMinute } = growth(samples, after)
  const most = (of: (sample: Sample) => number): number => Math.max(0, ...samples.map(of))
  const rows: (readonly [string, (sample: Sample) => number])[] = [
    ...descriptorKinds.map((kind) => [`descriptors, ${kind}`, ({ descriptors }: Sample) => descriptors[kind]] as const),
    ['sessions', ({ sessions }) => sessions],
    ['pending bytes', ({ pendingBytes }) => pendingBytes],
    ['pending datagrams', ({ pendingDatagrams }) => pendingDatagrams],
    ['pipes in use', ({ pipesInUse }) => pipesInUse],
    ['RSS, MiB', ({ rssBytes }) => rssBytes / 2 ** 20],
  ]
  const ended = Object.entries(ledger.reasons).filter(([, times]) => times > 0).map(([reason, times]) => `${reason} ${times}`).join(', ')
  const dropped = Object.entries(drops(ledger)).map(([reason, times]) => `${reason} ${times}`).join(', ')
  return [
    markdown(['the relay holds', 'before', 'at most', 'after'], rows.map(([name, of]) => [name, ...[of(before), most(of), of(after)].map((value) => (Number.isInteger(value) ? String(value) : figure(value)))])),
    '',
    `connections: ${Object.entries(done ?? {}).map(([kind, times]) => `${kind} ${String(times)}`).join(', ')}; ${mib(bytes)} sent and received`,
    `ended: ${ended}`,
    `datagrams: ${count(datagrams.sent)} in ${count(datagrams.flows)} flows; missing ${datagrams.missing}, duplicated ${datagrams.duplicated}, reordered ${datagrams.reordered}, corrupt ${datagrams.corrupt}; dropped by the relay: ${dropped === '' ? 'none' : dropped}`,
    `messages beside all that: ${percentiles(messages)}`,
    `memory since ${settledFrom(samples).toFixed(0)} s: ${mib(grown)} more, a line through the samples rises by ${mib(bytesPerMinute)} a minute`,
    `with nothing to do: ${idle.threadWakeUpsPerSecond.toFixed(1)} wake-ups/s of the loop, ${idle.wakeUpsPerSecond.toFixed(1)} of the process, ${((100 * idle.cpuSeconds) / idle.seconds).toFixed(1)} % CPU`,
  ].join('\n')
}

export function latencyReport(latency: Latency, cores: number, isJudged: boolean): string {
  const { shared, ahead } = latency
  const line = (name: string, rounds: readonly Round[]): readonly string[] => {
    const bulk = median(rounds.map(({ bulkBytesPerSecond = 0 }) => bulkBytesPerSecond))
    return [name, ...medians(rounds).map((value) => figure(value)), figure(bulk / 1e9)]
  }
  const lines = (where: string, { alone, beside, direct }: Rounds): readonly (readonly string[])[] => [line(`alone${where}`, alone), line(`beside two elephants${where}`, beside), line(`beside them, but past the relay${where}`, direct)]
  return [
    markdown(['64 B messages, medians of rounds, µs', 'p50', 'p99', 'p99.9', 'bulk, GB/s'], [...lines('', shared), ...(ahead === undefined ? [] : lines(', ahead', ahead))]),
    '',
    `ratio of p99 where all share ${cores} cores: ${latencyRatio(shared).toFixed(2)}`,
    ...(ahead === undefined ? [] : [`ratio of p99 where the loop and the ends of the messages go ahead of those of bulk: ${latencyRatio(ahead).toFixed(2)}`]),
    verdict(latency, cores, isJudged),
  ].join('\n')
}

function verdict(latency: Latency, cores: number, isJudged: boolean): string {
  const judged = judgedLatency(latency, cores)
  if (judged === undefined) return `not judged: fewer than ${bounds.coresWanted} cores, and nobody may go ahead of others (SCHED_FIFO)`
  if (!isJudged) return 'not judged in less than a minute'
  return `judged: ${latencyRatio(judged).toFixed(2)}${judged === latency.shared ? '' : ', ahead and with the shorter p99 alone'}; at most ${bounds.latencyRatio} is right`
}

const percentiles = (rounds: readonly Round[]): string => {
  const [p50 = 0, p99 = 0, p999 = 0] = medians(rounds)
  return `p50 ${figure(p50)} µs, p99 ${figure(p99)} µs, p99.9 ${figure(p999)} µs`
}

const medians = (rounds: readonly Round[]): readonly number[] => (['p50Us', 'p99Us', 'p999Us'] as const).map((name) => median(rounds.map((round) => round[name] ?? 0)))
