/**
 * The latency of small messages without and beside bulk: as the scheduler shares the cores, and, where there are too few of them, with the loop and both ends of
 * the messages ahead of the ends of bulk, which on a network are on machines of their own and here keep those waiting for a core.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import type { Round } from '../results.ts'
import { bounds } from './judge.ts'
import { messages, messagesBesideBulk } from './messages.ts'
import type { Options } from './options.ts'
import type { Lab } from './relay.ts'

/** `direct`: beside the same bulk, but past the relay: so much of it is the machine's. */
export type Rounds = { readonly alone: readonly Round[]; readonly beside: readonly Round[]; readonly direct: readonly Round[] }

/** `ahead` is missing where there are cores enough, and where nobody may go ahead. */
export type Latency = { readonly shared: Rounds; readonly ahead?: Rounds }

/** The last thing that is done with this lab: who has gone ahead stays there. */
export async function measureLatency(lab: Lab, load: string, options: Options, cores: number): Promise<Latency> {
  const shared = await measure(lab, load, options)
  if (cores >= bounds.coresWanted || !goAhead([lab.relay.loopThread, lab.echoPid])) return { shared }
  return { shared, ahead: await withoutLimit(() => measure(lab, load, options, ['chrt', '-f', '1'])) }
}

/**
 * Whoever goes ahead has a core for 950 ms of a second and no longer (sched(7), sched_rt_runtime_us). A loop that carries as much bulk as it can needs all of it, and would stand still for the other 50: on a machine with cores
 * enough nobody would take them. Where the limit may not be set it stays, and shows.
 */
async function withoutLimit<T>(work: () => Promise<T>): Promise<T> {
  const path = '/proc/sys/kernel/sched_rt_runtime_us'
  const before = readFileSync(path, 'latin1')
  const restore = (): void => { writeFileSync(path, before) }
  try {
    writeFileSync(path, '-1')
  } catch {
    console.error(`${path} stays ${before.trim()}: a loop that is busy all the time is kept waiting by it`)
    return work()
  }
  process.once('exit', restore)  // signals exit too (bench/programs.ts)
  try {
    return await work()
  } finally {
    process.off('exit', restore)
    restore()
  }
}

async function measure(lab: Lab, load: string, { rounds, secs }: Options, under: readonly string[] = []): Promise<Rounds> {
  const { ports, bulkBytes } = lab
  const [alone, beside, direct] = [new Array<Round>(), new Array<Round>(), new Array<Round>()]
  for (let round = 1; round <= rounds; round++) {
    alone.push(await messages(load, ports.echo, secs, { under }))
    beside.push(await messagesBesideBulk(load, ports, secs, { under, bulkBytes }))
    direct.push(await messagesBesideBulk(load, { ...ports, echo: ports.direct }, secs, { under, bulkBytes }))
    console.error(`${round}/${rounds} p99 of messages${under.length > 0 ? ', ahead' : ''}: ${alone.at(-1)?.value ?? 0} µs alone, ${beside.at(-1)?.value ?? 0} µs beside bulk`)
  }
  return { alone, beside, direct }
}

/** SCHED_FIFO, for CAP_SYS_NICE or a limit of real-time priority (RLIMIT_RTPRIO); false where that is not to be had. */
function goAhead(threads: readonly number[]): boolean {
  try {
    for (const thread of threads) execFileSync('chrt', ['-f', '-p', '1', String(thread)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
