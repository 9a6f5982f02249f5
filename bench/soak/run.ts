/** The load from its beginning to its end, with samples of the relay, and what was wrong with what came through. */
import { readFileSync } from 'node:fs'
import { setTimeout as elapse } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Ledger } from '../../lib/index.ts'
import { random } from '../../test/support/seeded.ts'
import { numberAt, pause, start, valueAt } from '../programs.ts'
import type { Program } from '../programs.ts'
import type { Round } from '../results.ts'
import { datagramFaults, datagramFlows, noDatagrams } from './datagrams.ts'
import type { DatagramTotals } from './datagrams.ts'
import { drops, imbalances, leaks, messageFaults } from './judge.ts'
import { messages } from './messages.ts'
import type { Options } from './options.ts'
import type { Lab } from './relay.ts'
import { sampleOf } from './sample.ts'
import type { Sample } from './sample.ts'

export type Run = {
  readonly before: Sample
  readonly samples: readonly Sample[]
  /** After the load, when all that has to be given back has been, or long after it should have been. */
  readonly after: Sample
  readonly ledger: Ledger
  readonly messages: readonly Round[]
  readonly datagrams: DatagramTotals
  /** Connections that have done their task, by kind, and the bytes of them all. */
  readonly done: unknown
  readonly bytes: number
  readonly faults: readonly string[]
}

const clientsMain = fileURLToPath(new URL('clients-main.ts', import.meta.url))

/** The relay ends a closing session after 2 s, a flow after 2 s without datagrams, and closes what pipes it does not need each second. */
const quietMs = 20_000
const messageSeconds = 5

export async function run(lab: Lab, load: string, { minutes, seed, every }: Options, tell: (sample: Sample, clients: Program) => void): Promise<Run> {
  const { relay, server, ports } = lab
  const begun = performance.now()
  const look = async (): Promise<Sample> => sampleOf(relay.pid, await relay.ledger(), (performance.now() - begun) / 1000)
  const before = await look()
  const overflowsBefore = overflows()
  const stopping = new AbortController()
  const [rounds, totals, samples] = [new Array<Round>(), noDatagrams(), new Array<Sample>()]
  const clients = start([process.execPath, '--import', 'tsx', clientsMain, String(ports.tasks), String(seed), String(minutes * 60 + 120)])
  const running = Promise.all([
    datagramFlows(lab.datagrams, random(seed, 100), totals, stopping.signal),
    datagramFlows(lab.datagrams, random(seed, 101), totals, stopping.signal),
    repeatMessages(load, ports.echo, rounds, stopping.signal),
    sampleAll(look, every, stopping.signal, (sample) => {
      samples.push(sample)
      tell(sample, clients)
    }),
    clients.exited.then(() => {
      if (!stopping.signal.aborted) throw new Error('the clients have ended before their time')
    }),
  ])
  // Whatever of it fails ends the soak at once.
  await Promise.race([running, elapse(minutes * 60_000, undefined, { ref: false })])
  stopping.abort()
  clients.process.kill('SIGTERM')
  await running
  const after = await quiet(look, before)
  await server.stop()
  const ledger = await relay.ledger()
  const [asked, served] = [await clients.line('summary'), await server.line('summary')]
  // Whose connection was reset at the end has perhaps done its part at the server.
  const lost = numberAt(asked, 'endedFirst') - numberAt(served, 'endedFirst')
  const known = Object.values(drops(ledger)).reduce((sum, count) => sum + count, 0) + overflows() - overflowsBefore
  return {
    before, samples, after, ledger, messages: rounds, datagrams: totals, done: valueAt(asked, 'done'), bytes: numberAt(asked, 'bytes'),
    faults: [
      ...faultsOf('a client', clients), ...faultsOf('the server', server),
      ...(lost > 0 ? [`half-closes: ${lost} clients have sent to an end that the server has not seen`] : []),
      ...messageFaults('messages', rounds), ...datagramFaults(totals, known), ...leaks(before, after), ...imbalances(ledger),
    ],
  }
}

function faultsOf(who: string, { lines }: Program): readonly string[] {
  return lines.filter(({ type }) => type === 'fault').map(({ what }) => `payload, ${who}: ${String(what)}`)
}

async function repeatMessages(load: string, port: number, rounds: Round[], stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) rounds.push(await messages(load, port, messageSeconds))
}

async function sampleAll(look: () => Promise<Sample>, every: number, stopping: AbortSignal, tell: (sample: Sample) => void): Promise<void> {
  for (;;) {
    await elapse(every * 1000, undefined, { signal: stopping }).catch(() => undefined)
    if (stopping.aborted) return
    tell(await look())
  }
}

/** Looks until everything has been given back, or it is long since time. */
async function quiet(look: () => Promise<Sample>, before: Sample): Promise<Sample> {
  const until = performance.now() + quietMs
  for (;;) {
    const sample = await look()
    if (leaks(before, sample).length === 0 || performance.now() > until) return sample
    await pause(250)
  }
}

/** UdpRcvbufErrors of this network namespace, see snmp_counter in the kernel's documentation: other programs count too. */
function overflows(): number {
  const [names = '', values = ''] = readFileSync('/proc/net/snmp', 'latin1').split('\n').filter((line) => line.startsWith('Udp:'))
  return Number(values.split(' ')[names.split(' ').indexOf('RcvbufErrors')])
}
