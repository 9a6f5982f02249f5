/** Shards: the loops of one server, each on a thread of its own with listeners of its own at the same addresses. */
import { readFileSync } from 'node:fs'
import type { Compiled } from './compile.ts'
import { cpusText, parseCpus } from './number-list.ts'
import { formatEndpoint } from './endpoint.ts'
import { misuse } from './errors.ts'
import { checkBoolean, checkInteger, checkWord, shown } from './options.ts'
import type { Plan } from './plan.ts'

/** Most loops of one server: each has a thread, an epoll descriptor and, for datagrams, 17 MB to receive into. */
export const maxShards = 128

/** The options of `serve` that say how many loops there are and where they run. */
export type ShardOptions = {
  /**
   * Loops that serve the pipelines together, each on a thread of its own with listeners of its own (SO_REUSEPORT, see socket(7)), 1 to 128;
   * `auto`: one for each CPU that this process may run on. Default 1. Needs pipelines without a node in JS, for which there is
   * `millrace run FILE --workers`. The kernel chooses the loop of a session or flow by a hash of its addresses and ports, so one flow never
   * has more than one loop, also while they drain. `limit` counts over all of them; `maxPendingBytes`, `maxPipeBytes`, `maxFlows`, `maxFlowsPerAddress` and `ratePerAddress` hold for each.
   */
  readonly shards?: number | 'auto'
  /**
   * The CPU of each loop, in their order; `true`: the CPUs that this process may run on, one after the other. Default false: wherever the kernel
   * puts them. See sched_setaffinity(2).
   */
  readonly pin?: boolean | readonly number[]
  /**
   * How the kernel chooses the loop: `hash` of addresses and ports (the default), or by the `cpu` that received the packet
   * (SO_ATTACH_REUSEPORT_CBPF): to the loop that is pinned there, else to the one of its number modulo their count. Not for `forward` of
   * datagrams: its flows would move from loop to loop whenever the kernel moves an interrupt.
   */
  readonly steer?: 'hash' | 'cpu'
  /**
   * Whether listeners share their addresses with other servers of the same user that do so too: several processes, or worker threads. Default
   * false: an address that is taken is refused with EADDRINUSE, also where it is taken by shards. Shards share theirs among each other, so another server
   * with `reusePort` can join them.
   */
  readonly reusePort?: boolean
}

export const shardNames = ['shards', 'pin', 'steer', 'reusePort'] as const

/** One loop: its number, its CPU where it has one, and how it shares its listeners' addresses. */
export type Shard = { readonly number: number; readonly cpu: number | undefined; readonly sharing: 'none' | 'first' | 'another' }

/** What the options come to. `asked`: that they ask for loops on threads of their own. */
export type Sharding = { readonly shards: readonly Shard[]; readonly steer: 'hash' | 'cpu'; readonly asked: boolean; readonly reusePort: boolean }

/** Throws ERR_MILLRACE_BAD_OPTION. */
export function checkShards({ shards = 1, pin = false, steer = 'hash', reusePort = false }: ShardOptions): Sharding {
  checkWord('serve', 'steer', steer, ['hash', 'cpu'])
  checkBoolean('serve', 'reusePort', reusePort)
  const allowed = allowedCpus()
  const count = shards === 'auto' ? Math.min(allowed.length, maxShards) : checkCount(shards)
  const cpus = pinsOf(pin, count, allowed)
  if (steer === 'cpu' && reusePort) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', 'steer "cpu" chooses among the shards of this server, and with reusePort others have the same addresses: use steer "hash", or listen(…, { incomingCpu }) in each')
  }
  if (steer === 'cpu' && count > new Set(cpus.length > 0 ? cpus : allowed).size) {
    const each = cpus.length > 0 ? 'two of them are pinned to one CPU' : `there are ${allowed.length} CPUs`
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `steer "cpu" needs a CPU for each shard, but there are ${count} shards and ${each}: what is received on a CPU goes to one shard`)
  }
  const sharing = (number: number): Shard['sharing'] => (reusePort || number > 0 ? 'another' : count > 1 ? 'first' : 'none')
  return {
    shards: Array.from({ length: count }, (_, number) => ({ number, cpu: cpus[number], sharing: sharing(number) })),
    steer,
    asked: shards === 'auto' || count > 1 || pin !== false,
    reusePort,
  }
}

function checkCount(shards: unknown): number {
  if (typeof shards === 'number') return checkInteger('serve', 'shards', shards, { least: 1, most: maxShards, unit: 'loops' })
  throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `shards must be an integer from 1 to ${maxShards} loops, or "auto", not ${shown(shards)}`)
}

function pinsOf(pin: unknown, count: number, allowed: readonly number[]): readonly (number | undefined)[] {
  if (pin === false) return []
  if (pin === true) return Array.from({ length: count }, (_, number) => allowed[number % allowed.length])
  if (!Array.isArray(pin)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `pin must be true, false or an array of CPU numbers, not ${shown(pin)}`)
  const cpus: readonly unknown[] = pin
  if (cpus.length !== count) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `pin names ${cpus.length} ${cpus.length === 1 ? 'CPU' : 'CPUs'}, but there ${count === 1 ? 'is 1 shard' : `are ${count} shards`}: expected one CPU for each`)
  }
  return cpus.map((cpu) => {
    if (typeof cpu === 'number' && allowed.includes(cpu)) return cpu
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `pin: ${shown(cpu)} is not a CPU that this process may run on: those are ${cpusText(allowed)}`)
  })
}

/** From proc_pid_status(5). */
export function allowedCpus(): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))?.[1]
  return parseCpus(list ?? '') ?? [0]
}

/** Refuses what cannot be served by several loops, or not by these; `shared`: by several, which may be in other threads of JS. Throws ERR_MILLRACE_BAD_OPTION. */
export function checkShardable(compiled: readonly Compiled[], thread: 'auto' | 'own' | 'embedded', { steer, asked, reusePort, shared }: Sharding & { readonly shared: boolean }): void {
  const refuse = (problem: string): never => {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', problem)
  }
  if (asked && thread === 'embedded') refuse('shards and pin are about threads of their own, and thread "embedded" is the calling one')
  for (const [pipeline, { plan, jsPaths }] of compiled.entries()) {
    const [first] = jsPaths
    if (asked && first !== undefined) {
      refuse(`shards and pin need pipelines without a node in JS, but pipeline ${pipeline} has ${jsPaths.join(', ')}: "millrace run FILE --workers" runs the file in several threads`)
    }
    const unix = plan.listen.find((at) => at.net === 'unix')
    if ((shared || reusePort) && unix !== undefined) refuse(`pipeline ${pipeline} listens to ${formatEndpoint(unix)}, and a Unix socket cannot be shared`)
    if (shared && plan.generate !== null) refuse(`pipeline ${pipeline} generates, and does so in one loop: start it several times`)
    if (shared && plan.incomingCpu >= 0) refuse(`pipeline ${pipeline} has incomingCpu, which would be the same in all shards: use steer "cpu"`)
    if (steer === 'cpu' && plan.kind === 'datagram' && plan.nodes.some(({ op }) => op === 'forward')) {
      refuse(`steer "cpu" would tear the flows of pipeline ${pipeline} apart: forward of datagrams needs steer "hash"`)
    }
  }
}

/** The plan that listens where the first shard does: where that has asked for any free port, this takes the same. */
export function listeningAt(plan: Plan, bound: readonly { readonly port: number }[]): Plan {
  const listen = plan.listen.map((at, place) => (at.net === 'unix' ? at : { ...at, port: bound[place]?.port ?? at.port }))
  return { ...plan, listen }
}

/** What `explain` says of them; nothing where there is one like any other. */
export function shardsText({ shards, steer, asked }: Sharding): string {
  if (!asked) return ''
  const cpus = shards.flatMap(({ cpu }) => cpu ?? [])
  const pinned = cpus.length === 0 ? '' : `, pinned to ${cpus.length === 1 ? 'CPU' : 'CPUs'} ${cpus.join(', ')}`
  const chosen = shards.length === 1 ? '' : steer === 'cpu' ? ', chosen by the CPU that receives' : ', chosen by a hash of addresses and ports'
  return `${shards.length === 1 ? '1 shard' : `${shards.length} shards`}${pinned}${chosen}`
}
