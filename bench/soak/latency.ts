/**
 * The latency of small messages without and beside bulk: as the scheduler shares the cores, and with the loop and both ends of the messages ahead of the ends
 * of bulk, which on a network are on machines of their own and here would keep those waiting for a core.
 */
import { execFileSync } from 'node:child_process'
import { numberAt } from '../programs.ts'
import type { Round } from '../results.ts'
import { messages, messagesBesideBulk } from './messages.ts'
import type { Options } from './options.ts'
import type { Lab } from './relay.ts'

/** `direct`: beside the same bulk, but past the relay: so much of it is the machine's. */
export type Rounds = { readonly alone: readonly Round[]; readonly beside: readonly Round[]; readonly direct: readonly Round[] }

/** `ahead` is missing where nobody may run ahead. */
export type Latency = { readonly shared: Rounds; readonly ahead?: Rounds }

const [fifo, ordinary] = [['chrt', '--fifo', '1'], ['chrt', '--other', '0']] as const

export async function measureLatency(lab: Lab, load: string, options: Options): Promise<Latency> {
  const shared = await rounds(lab, load, options)
  if (!mayRunAhead()) return { shared }
  const threads = [lab.relay.loopThread, lab.echoPid]
  try {
    schedule(fifo, threads)
    return { shared, ahead: await rounds(lab, load, options, fifo) }
  } finally {
    schedule(ordinary, threads)
  }
}

async function rounds({ ports }: Lab, load: string, { rounds, secs }: Options, under: readonly string[] = []): Promise<Rounds> {
  const [alone, beside, direct] = [new Array<Round>(), new Array<Round>(), new Array<Round>()]
  for (let round = 1; round <= rounds; round++) {
    alone.push(await messages(load, ports.echo, secs, { under }))
    beside.push(await messagesBesideBulk(load, ports, secs, { under }))
    direct.push(await messagesBesideBulk(load, { ...ports, echo: ports.direct }, secs, { under }))
    console.error(`${round}/${rounds} p99 of messages${under.length > 0 ? ', ahead' : ''}: ${numberAt(alone.at(-1), 'value')} µs alone, ${numberAt(beside.at(-1), 'value')} µs beside bulk`)
  }
  return { alone, beside, direct }
}

/** CAP_SYS_NICE, or a limit of real-time priority (RLIMIT_RTPRIO). */
function mayRunAhead(): boolean {
  try {
    execFileSync(fifo[0], [...fifo.slice(1), 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function schedule([chrt, policy, priority]: readonly [string, string, string], threads: readonly number[]): void {
  for (const thread of threads) execFileSync(chrt, [policy, '--pid', priority, String(thread)])
}
