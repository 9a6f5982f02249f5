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
  /** Seconds of CPU so far, of all its threads and children. */
  cpuSeconds(): number
  /** The first line of a type. */
  line(type: string): Promise<Line>
  /** Ends it by a signal and waits for its last line. */
  stop(): Promise<void>
  readonly exited: Promise<unknown>
}

const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Any program. `under`: what runs it, such as `taskset -c 0`. */
export function start(command: readonly string[], under: readonly string[] = []): Program {
  const [program = '', ...args] = [...under, ...command]
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  const exited = once(child, 'close').finally(() => running.delete(child))
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
    cpuSeconds: () => [child.pid ?? 0, ...childrenOf(child.pid ?? 0)].reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    async line(type) {
      for (;;) {
        const found = lines.find((line) => line['type'] === type)
        if (found !== undefined) return found
        const more = new Promise<void>((resume) => (wake = resume))
        await Promise.race([more, exited.then(() => Promise.reject(new Error(`${command.join(' ')} ended before it said ${type}`)))])
      }
    },
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

/** `millrace …`, with JSON lines. */
export function millrace(args: readonly string[], under: readonly string[] = []): Program {
  return start([process.execPath, cli, ...args, '--json'], under)
}

function cpuSecondsOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const [user = 0, system = 0] = stat.slice(stat.lastIndexOf(')') + 2).split(' ').slice(11, 13).map(Number)
    return (user + system) / hertz
  } catch {
    return 0 // it has just ended
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((tid) => readFileSync(`/proc/${pid}/task/${tid}/children`, 'latin1').split(' ').filter((child) => child !== '').map(Number))
  } catch {
    return []
  }
}

/** Resident bytes, of a process and its children. */
export function residentBytes(pid: number): number {
  const own = (one: number): number => 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${one}/status`, 'latin1'))?.[1] ?? 0)
  return [pid, ...childrenOf(pid)].reduce((sum, one) => sum + own(one), 0)
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

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0
}

export const pause = (ms: number): Promise<void> => new Promise((resume) => setTimeout(resume, ms))

/** `--name VALUE` on the command line of a bench. */
export function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : (process.argv[at + 1] ?? otherwise)
}

/** A table in Markdown, the first column to the left and the others to the right. */
export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), `|---${'|---:'.repeat(heads.length - 1)}|`, ...rows.map(line)].join('\n')
}

const isLine = (value: unknown): value is Line => typeof value === 'object' && value !== null
