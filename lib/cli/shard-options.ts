/** `--shards`, `--pin`, `--cpus`, `--steer` and `--reuse-port`: how many loops serve, and where. */
import type { Command } from 'commander'
import { parseCpus } from '../number-list.ts'
import { checkShards } from '../shards.ts'
import type { ShardOptions } from '../shards.ts'
import { fromOption, usage } from './usage.ts'

/** The options as they are parsed. */
export type ShardFlags = {
  readonly shards?: number | 'auto'
  readonly pin?: true
  readonly cpus?: readonly number[]
  readonly steer?: 'hash' | 'cpu'
  readonly reusePort?: true
}

export function addShardOptions(command: Command): Command {
  return command
    .option('--shards <count>', 'loops, each on a thread of its own with listeners of its own, or auto for one a CPU (default: 1)', (text) => {
      if (text === 'auto') return text
      if (!/^\d+$/.test(text)) throw usage(`--shards: "${text}" is neither a number of loops nor auto`)
      const shards = Number(text)
      fromOption('--shards', () => checkShards({ shards }))
      return shards
    })
    .option('--pin', 'keep each loop on one CPU, those there are in turn')
    .option('--cpus <list>', 'the CPUs to keep them on, such as 0,2-3: one for each loop, as many loops where --shards does not say', cpuList)
    .option('--steer <how>', 'how the kernel chooses the loop: hash of addresses and ports, or the cpu that received (default: hash)', (text) => {
      if (text === 'hash' || text === 'cpu') return text
      throw usage(`--steer: expected hash or cpu, not "${text}"`)
    })
    .option('--reuse-port', 'share the address with other processes of this user that do so too')
}

/** What `serve` is given. */
export function shardsOf({ shards, pin, cpus, steer, reusePort }: ShardFlags): ShardOptions {
  if (pin !== undefined && cpus !== undefined) throw usage('--pin takes the CPUs in their order and --cpus those of its list: give one of them')
  const pinned = cpus ?? pin
  // One loop a CPU of the list, unless it is said.
  const loops = shards === undefined || shards === 'auto' ? (cpus?.length ?? shards) : shards
  const options = {
    ...(loops === undefined ? {} : { shards: loops }),
    ...(pinned === undefined ? {} : { pin: pinned }),
    ...(steer === undefined ? {} : { steer }),
    ...(reusePort === undefined ? {} : { reusePort }),
  }
  fromOption(cpus === undefined ? '--shards' : '--cpus', () => checkShards(options))
  return options
}

function cpuList(text: string): readonly number[] {
  const cpus = parseCpus(text)
  if (cpus === undefined) throw usage(`--cpus: "${text}" is not a list of CPUs: write it like 0,2-3`)
  return cpus
}
