/**
 * The experiment of Cloudflare's "How to receive a million packets per second" (Marek Majkowski, June 2015), repeated with `millrace blast` and
 * `millrace sink` over loopback: 32 bytes a datagram, as fast as it goes. docs/million-packets.md explains the rows.
 *
 *   npm run bench:packets -- [--secs 3] [--rounds 3]
 */
import { readFileSync } from 'node:fs'
import { allowedCpus } from '../lib/shards.ts'
import { described, environment } from './environment.ts'
import { markdown, median } from './figures.ts'
import { millrace, numberAt, option, pause } from './programs.ts'

const [secs, rounds, port] = [Number(option('secs', '3')), Number(option('rounds', '3')), 4321]
const cpus = allowedCpus()
const [first = 0, second = first] = [cpus[0], cpus.at(-1)]
const on = (...cpus: readonly number[]): readonly string[] => ['taskset', '-c', [...new Set(cpus)].join(',')]

type Sender = { readonly to?: string; readonly flows?: number; readonly under?: readonly string[]; readonly gso?: true }
type Row = {
  readonly name: string
  /** What the article has for it, in Mpps. */
  readonly article: string
  readonly senders: readonly Sender[]
  readonly sink?: readonly string[]
  readonly under?: readonly string[]
}

const rows: readonly Row[] = [
  { name: 'naive', article: '0.20–0.35', senders: [{}] },
  { name: 'pinned', article: '0.37', senders: [{ under: on(first) }], under: on(second) },
  { name: 'two senders', article: '', senders: [{ under: on(first) }, { under: on(second) }], under: on(second) },
  { name: 'two senders to two addresses', article: '0.65', senders: [{ to: '127.0.0.1', under: on(first) }, { to: '127.0.0.2', under: on(second) }], under: on(second) },
  { name: 'two threads, one flow', article: '0.48', senders: [{ under: on(first) }], sink: ['--shards', '2', '--cpus', `${first},${second}`] },
  { name: 'two shards (SO_REUSEPORT), many flows', article: '1.12', senders: [{ flows: 16, under: on(first) }, { flows: 16, under: on(second) }], sink: ['--shards', '2', '--cpus', `${first},${second}`] },
  { name: 'the same, steered by CPU', article: '', senders: [{ flows: 16, under: on(first) }, { flows: 16, under: on(second) }], sink: ['--shards', '2', '--cpus', `${first},${second}`, '--steer', 'cpu'] },
  { name: 'pinned, trains (UDP_SEGMENT, UDP_GRO)', article: '', senders: [{ gso: true, under: on(first) }], under: on(second) },
]

/** Datagrams a second, and cores. What the kernel drops is a train where it has put one together. */
type Sample = { readonly received: number; readonly dropped: number; readonly sinkCores: number; readonly senderCores: number }

async function measure({ senders, sink = [], under = [] }: Row): Promise<Sample> {
  const host = senders.length > 1 && senders.some(({ to }) => to !== undefined) ? '0.0.0.0' : '127.0.0.1'
  const receiver = millrace(['sink', `udp://${host}:${port}`, ...sink], under)
  await receiver.line('listening')
  const sending = senders.map(({ to = '127.0.0.1', flows = 1, under: where = [], gso }) =>
    millrace(['blast', `udp://${to}:${port}`, '--size', '32', '--flows', String(flows), '--duration', `${secs + 2}s`, ...(gso === true ? ['--gso'] : [])], where))
  await Promise.all(sending.map((one) => one.line('generating')))
  await pause(700) // what loads and warms up is not what is measured
  const take = () => ({ at: performance.now(), sink: receiver.cpuSeconds(), senders: sum(sending, (one) => one.cpuSeconds()), overflows: overflows() })
  const before = take()
  const from = receiver.lines.length
  await pause(secs * 1000)
  const after = take()
  const seconds = (after.at - before.at) / 1000
  const full = receiver.lines.slice(from + 1).filter(({ type }) => type === 'stats') // the first one reaches back before the measurement
  await Promise.all(sending.map((one) => one.exited))
  await receiver.stop()
  return {
    received: median(full.map((line) => numberAt(line, 'datagrams', 'toUpstream', 'perSecond'))),
    dropped: (after.overflows - before.overflows) / seconds,
    sinkCores: (after.sink - before.sink) / seconds,
    senderCores: (after.senders - before.senders) / seconds,
  }
}

function sum<T>(list: readonly T[], value: (one: T) => number): number {
  return list.reduce((total, one) => total + value(one), 0)
}

/** UdpRcvbufErrors of this network namespace, see snmp_counter in the kernel's documentation. */
function overflows(): number {
  const [names = '', values = ''] = readFileSync('/proc/net/snmp', 'latin1').split('\n').filter((line) => line.startsWith('Udp:'))
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')])
}

/** What there is no more of. */
function limitOf({ senders }: Row, { dropped, received, sinkCores, senderCores }: Sample): string {
  const lost = dropped / (received + dropped)
  if (lost > 0.01) return `the receiver: ${(100 * lost).toFixed(0)} % overflow its buffer`
  if (senderCores > 0.9 * senders.length) return `the ${senders.length === 1 ? 'sender' : 'senders'}: a send carries its datagram all the way into the receiver's buffer`
  if (sinkCores + senderCores > 0.93 * cpus.length) return 'the machine: all cores are full'
  return 'waking each other up'
}

console.log(described(environment()))
const samples = new Map(rows.map((row) => [row, new Array<Sample>()]))
for (let round = 0; round < rounds; round++) {
  for (const row of rows) {
    const sample = await measure(row)
    samples.get(row)?.push(sample)
    console.error(`${round + 1}/${rounds} ${row.name}: ${(sample.received / 1e6).toFixed(3)} Mpps`)
  }
}
const figures = rows.map((row) => {
  const all = samples.get(row) ?? []
  const of = (value: (sample: Sample) => number): number => median(all.map(value))
  const medians: Sample = { received: of((s) => s.received), dropped: of((s) => s.dropped), sinkCores: of((s) => s.sinkCores), senderCores: of((s) => s.senderCores) }
  const { received, dropped, sinkCores, senderCores } = medians
  const spread = `${(Math.min(...all.map((s) => s.received)) / 1e6).toFixed(2)}–${(Math.max(...all.map((s) => s.received)) / 1e6).toFixed(2)}`
  return [
    row.name, row.article, `${(received / 1e6).toFixed(3)} (${spread})`, (received / 1e6 / sinkCores).toFixed(2), `${sinkCores.toFixed(2)} + ${senderCores.toFixed(2)}`,
    dropped.toFixed(0), limitOf(row, medians),
  ]
})
console.log(`\n${markdown(['', 'article, Mpps', 'here, Mpps (spread)', 'Mpps a core of the sink', 'cores: sink + senders', 'kernel drops/s', 'what limits it'], figures)}`)
