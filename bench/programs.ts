/** The programs of a bench, each a process of its own: started, listened to line by line, and what they cost read from /proc. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
const hertz = 100 // of /proc/PID/stat: USER_HZ is 100 on every architecture that Node runs on

export type Line = Readonly<Record<string, unknown>>

export type Program = {
  readonly process: ChildProcess
  /** What it has printed, parsed. */
  readonly lines: readonly Line[]
  /** Seconds of CPU so far, of all its threads and descendants, those that have ended too. */
  cpuSeconds(): number
  /** The first line of a type. */
  line(type: string): Promise<Line>
  /** Ends it by a signal and waits for its last line. */
  stop(): Promise<void>
  /** Ends it and its descendants at once. */
  kill(): Promise<void>
  readonly exited: Promise<unknown>
}

const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach(killGroup))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

export type StartOptions = {
  /** `keep`: what it prints as errors is shown only where it ends too early. */
  readonly errors?: 'show' | 'keep'
  readonly env?: Readonly<Record<string, string>>
  readonly folder?: string
}

/** Any program. `under`: what runs it, such as `taskset -c 0`. */
export function start(command: readonly string[], under: readonly string[] = [], { errors = 'show', env, folder }: StartOptions = {}): Program {
  const [program = '', ...args] = [...under, ...command]
  // A group of its own: what it forks is ended with it, and Ctrl-C reaches it through this process alone.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, env: { ...process.env, ...env }, cwd: folder })
  running.add(child)
  let lastErrors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors === 'show') process.stderr.write(text)
    lastErrors = (lastErrors + text).slice(-2_000)
  })
  const exited = once(child, 'close').finally(() => running.delete(child))
  exited.catch(() => undefined) // `line` tells of what could not be started
  const lines: Line[] = []
  let wake = (): void => undefined
  createInterface(child.stdout).on('line', (text) => {
    const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : { type: 'text', text }
    if (isLine(parsed)) lines.push(parsed)
    wake()
  })
  return {
    process: child,
    lines,
    exited,
    cpuSeconds: () => treeOf(child.pid ?? 0).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    async line(type) {
      for (;;) {
        const found = lines.find((line) => line['type'] === type)
        if (found !== undefined) return found
        const more = new Promise<void>((resume) => (wake = resume))
        await Promise.race([more, exited.then(() => Promise.reject(new Error(`${command.join(' ')} ended before it said ${type}${errors === 'keep' ? `: ${lastErrors}` : ''}`)))])
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
    async kill() {
      killGroup(child)
      await exited
    },
  }
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

/** `millrace …`, with JSON lines. */
export function millrace(args: readonly string[], under: readonly string[] = []): Program {
  return start([process.execPath, cli, ...args, '--json'], under)
}

/** With the children that it has waited for, see proc_pid_stat(5). */
function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 15).map(Number)
    return ticks.reduce((sum, some) => sum + some, 0) / hertz
  } catch {
    return 0 // it has just ended
  }
}

/** A process and its descendants. */
function treeOf(pid: number): readonly number[] {
  return [pid, ...childrenOf(pid).flatMap(treeOf)]
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').split(' ').filter((child) => child !== '').map(Number))
  } catch {
    return []
  }
}

/** Resident bytes, of a process and its descendants; what they share counts for each. */
export function residentBytes(pid: number): number {
  return treeOf(pid).reduce((sum, one) => sum + residentBytesOf(one), 0)
}

function residentBytesOf(pid: number): number {
  try {
    return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0)
  } catch {
    return 0 // it has just ended
  }
}

/** A number inside a line: `numberAt(line, 'toUpstream', 'bytes')`; 0 where there is none. */
export function numberAt(line: unknown, ...path: readonly string[]): number {
  const found = valueAt(line, ...path)
  return typeof found === 'number' ? found : 0
}

/** What stands inside a line; undefined where there is nothing. */
export function valueAt(line: unknown, ...path: readonly string[]): unknown {
  return path.reduce((at: unknown, name) => (isLine(at) ? at[name] : undefined), line)
}

export const pause = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms))

/** `--name VALUE` on the command line of a bench. */
export function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}

const isLine = (value: unknown): value is Line => typeof value === 'object' && value !== null
