/**
 * What a relay costs on this machine, in about five seconds: generators, a relay and an echo of our own, each on its own thread, over loopback.
 * Only the relay's thread is counted. Memory is told by flows that go straight to the echo and as many
 * that go through the relay.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as elapse } from 'node:timers/promises'
import { generate } from '../generate.ts'
import type { GenerateOptions } from '../generate.ts'
import { listen, pipe } from '../pipe.ts'
import { serve } from '../serve.ts'
import type { Server } from '../server.ts'
import { echo } from '../sinks/echo.ts'
import { forward } from '../sinks/forward.ts'
import { udp } from '../endpoint.ts'
import { ownDescriptors } from './asked.ts'
import { bytesIn } from './bytes-in.ts'
import { hardLimit } from './descriptors.ts'
import type { Facts } from './facts.ts'
import { isUnseen } from './facts.ts'
import { localPorts } from './ports.ts'

/** A datagram relayed is one received on one side and sent on the other. */
export type Pace = { readonly flows: number; readonly relayedPerSecond: number; readonly cores: number; readonly perCoreSecond: number }

export type Measured = {
  /** Many flows, each with one datagram on the way. */
  readonly single: Pace
  /** A few flows whose datagrams come in trains; undefined where they are too large for that. */
  readonly trains: Pace | undefined
  /** What a flow of the relay takes; undefined where it could not be told from what others on this machine do. */
  readonly userBytesPerFlow: number | undefined
  readonly kernelBytesPerFlow: number | undefined
}

/** How much of it there is time, ports and descriptors for. */
const mostFlows = 5_000
/** Below this what a flow takes is less than what memory does by itself. */
const fewest = 2_000
const [settleMs, directMs, roundMs, rounds] = [300, 200, 500, 3]
/** As in the README: windows that are closed, so that nothing is lost and nobody runs ahead. */
const trainFlows = 16
const trainWindow = 64
const largestInTrain = 1_472

/** How many flows can be measured: there are three sockets for each, and as many local ports. */
export function measurable(facts: Facts, wanted: number): number {
  const [hard, ports] = [hardLimit(facts), localPorts(facts)]
  const descriptors = isUnseen(hard) ? 1_024 : hard
  return Math.max(1, Math.min(wanted, mostFlows, Math.floor((descriptors - 3 * ownDescriptors) / 3), isUnseen(ports) ? mostFlows : Math.floor(ports / 4)))
}

export async function measure(flows: number, sizeBytes: number): Promise<Measured> {
  const quiet = { sessionEvents: false } as const
  await using far = await serve(pipe(listen(udp('127.0.0.1:0')), echo()), quiet)
  const before = threads()
  await using relay = await serve(pipe(listen(udp('127.0.0.1:0')), forward(udp(addressOf(far)))), quiet)
  const own = [...threads()].filter((id) => !before.has(id))
  // What is made once, the arenas for instance, is no flow's.
  for (const to of [far, relay]) await load(to, { flows: 1, sizeBytes, window: 256 }, settleMs)
  const sizes = [bytesIn()]
  // It ends by itself, so that the relay's turn is not disturbed; what it holds in user memory it keeps.
  await using _direct = await serve(source(far, { flows, sizeBytes, window: 1, durationMs: directMs }), quiet)
  await elapse(settleMs)
  sizes.push(bytesIn())
  await using through = await serve(source(relay, { flows, sizeBytes, window: 1 }), quiet)
  const single = await pace(relay, own, flows)
  await through.close({ drainMs: 0 })
  await elapse(settleMs)
  sizes.push(bytesIn())
  const trains = sizeBytes > largestInTrain || sizeBytes === 0 ? undefined : await trainPace(relay, own, sizeBytes)
  return { single, trains, ...perFlow(sizes, flows) }
}

async function trainPace(relay: Server, own: readonly string[], sizeBytes: number): Promise<Pace> {
  await using _load = await serve(source(relay, { flows: trainFlows, sizeBytes, window: trainWindow, gso: true }), { sessionEvents: false })
  return await pace(relay, own, trainFlows)
}

function source(to: Server, options: GenerateOptions) {
  return pipe(generate(options), forward(udp(addressOf(to))))
}

async function load(to: Server, options: GenerateOptions, ms: number): Promise<void> {
  await using _load = await serve(source(to, options), { sessionEvents: false })
  await elapse(ms)
}

function addressOf({ addresses }: Server): `${string}:${number}` {
  const [first] = addresses
  if (first === undefined) throw new Error('a server that listens has an address')
  return `${first.address}:${first.port}`
}

/** After the flows have begun: the round in which a datagram has cost most. Others work on this machine too, and a CPU that is shared makes longer batches. */
async function pace(relay: Server, own: readonly string[], flows: number): Promise<Pace> {
  await elapse(settleMs)
  const paces: Pace[] = []
  while (paces.length < rounds) paces.push(await round(relay, own, flows))
  // A round in which next to nothing moved, since others had the CPUs, says nothing of the cost.
  const most = Math.max(...paces.map(({ relayedPerSecond }) => relayedPerSecond))
  const [slowest] = paces.filter(({ relayedPerSecond }) => relayedPerSecond > most / 10).toSorted((a, b) => a.perCoreSecond - b.perCoreSecond)
  return slowest ?? { flows, relayedPerSecond: 0, cores: 0, perCoreSecond: 0 }
}

async function round(relay: Server, own: readonly string[], flows: number): Promise<Pace> {
  const start = { at: performance.now(), cpu: cpuSeconds(own), relayed: relayed(relay) }
  await elapse(roundMs)
  const [seconds, cpu, count] = [(performance.now() - start.at) / 1000, cpuSeconds(own) - start.cpu, relayed(relay) - start.relayed]
  return { flows, relayedPerSecond: count / seconds, cores: cpu / seconds, perCoreSecond: cpu > 0 ? count / cpu : 0 }
}

function relayed(relay: Server): number {
  const { toUpstream, toDownstream } = relay.ledger().datagrams
  return toUpstream.sent + toDownstream.sent
}

function threads(): ReadonlySet<string> {
  return new Set(readdirSync('/proc/self/task'))
}

/** Clock ticks of 10 ms, where the kernel does not count nanoseconds (schedstat). */
function cpuSeconds(own: readonly string[]): number {
  return own.reduce((sum, id) => sum + threadSeconds(`/proc/self/task/${id}`), 0)
}

function threadSeconds(folder: string): number {
  try {
    return Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    const stat = readFileSync(`${folder}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  }
}

type Sizes = { readonly user: number; readonly kernel: number }

/**
 * User memory: what the flows through the relay have added, less what those without it had. The kernel's: what is left when the generators
 * have closed their sockets. Others come and go on this machine meanwhile: a figure that cannot be is none.
 */
function perFlow([start, direct, through]: readonly Sizes[], flows: number): Pick<Measured, 'userBytesPerFlow' | 'kernelBytesPerFlow'> {
  if (start === undefined || direct === undefined || through === undefined || flows < fewest) return { userBytesPerFlow: undefined, kernelBytesPerFlow: undefined }
  const between = (value: number, least: number, most: number): number | undefined => (value >= least && value <= most ? Math.round(value) : undefined)
  return {
    userBytesPerFlow: between((through.user - 2 * direct.user + start.user) / flows, 200, 1_000),
    kernelBytesPerFlow: between((through.kernel - start.kernel) / flows, 2_000, 4_500),
  }
}
