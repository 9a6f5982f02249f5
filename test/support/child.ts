/**
 * A child process that a test awaits by what it prints, and that cannot outlive the test run.
 * `line` looks at what has been printed so far first, so nothing is missed between two waits.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Sanitizer builds are slower and larger; times and sizes that depend on the machine are multiplied by this. */
export const sanitized = process.env['MILLRACE_SANITIZED'] === '1'
export const slowness = sanitized ? 5 : 1

export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type Child = {
  readonly pid: number
  readonly process: ChildProcess
  readonly exited: Promise<Exit>
  /** Everything printed so far. */
  stdout(): string
  stderr(): string
  /** The first line of either output that matches; rejects with the whole output where the process ends without one. */
  line(pattern: RegExp): Promise<RegExpExecArray>
  kill(signal: NodeJS.Signals): void
  /** SIGKILL for it and what it has started, and the end awaited. */
  [Symbol.asyncDispose](): Promise<void>
}

export type ChildOptions = {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly gid?: number
  readonly stdin?: 'ignore' | 'pipe'
  readonly ipc?: boolean
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) killGroup(child)
})

/** Every child leads a process group, so that what it started ends with it. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // The whole group is gone already.
  }
}

/** What run-asan.mjs will look for, should the test itself have no reason to look at this. */
function keepReport(pid: number | undefined, stderr: string): void {
  const folder = process.env['MILLRACE_REPORTS']
  if (folder !== undefined && stderr.includes('runtime error: ')) writeFileSync(join(folder, `child.${pid ?? 0}`), stderr)
}

/** The environment of a program that is not ours: without the sanitizer's preload. */
export function plainEnv(): NodeJS.ProcessEnv {
  const env = { ...process.env }
  delete env['LD_PRELOAD']
  return env
}

export function child(command: string, args: readonly string[], options: ChildOptions = {}): Child {
  const { ipc, stdin = 'ignore', ...rest } = options
  const spawned = spawn(command, args, {
    cwd: root,
    ...rest,
    stdio: [stdin, 'pipe', 'pipe', ...(ipc === true ? (['ipc'] as const) : [])],
    serialization: 'advanced',
    detached: true,
  })
  running.add(spawned)
  const output = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const look of [...waiting]) look()
  }
  for (const name of ['stdout', 'stderr'] as const) {
    spawned[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      wake()
    })
  }
  let failure: Error | undefined
  const exited = new Promise<Exit>((resolve) => {
    spawned.once('error', (error) => {
      failure = error
      if (spawned.pid === undefined) resolve({ code: null, signal: null })
    })
    spawned.once('close', (code, signal) => {
      resolve({ code, signal })
    })
  })
  let over: Exit | undefined
  void exited.then((exit) => {
    over = exit
    running.delete(spawned)
    keepReport(spawned.pid, output.stderr)
    wake()
  })

  const what = () => `${command} ${args.join(' ')}`
  const printed = () => `${what()}\n--- stdout\n${output.stdout}\n--- stderr\n${output.stderr}`
  const line = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        for (const text of [output.stdout, output.stderr]) {
          const end = over === undefined ? text.lastIndexOf('\n') : text.length
          for (const one of text.slice(0, Math.max(end, 0)).split('\n')) {
            const found = pattern.exec(one)
            if (found === null) continue
            waiting.delete(look)
            resolve(found)
            return
          }
        }
        if (over === undefined) return
        waiting.delete(look)
        reject(new Error(`ended (${failure?.message ?? over.signal ?? `code ${over.code}`}) without printing ${pattern}: ${printed()}`))
      }
      waiting.add(look)
      look()
    })

  return {
    pid: spawned.pid ?? -1,
    process: spawned,
    exited,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    line,
    kill: (signal) => void spawned.kill(signal),
    async [Symbol.asyncDispose]() {
      killGroup(spawned)
      await exited
    },
  }
}

/** Runs a program to its end and gives what it printed; any other exit than 0 is an error that shows it. */
export async function run(command: string, args: readonly string[], options: ChildOptions = {}): Promise<{ stdout: string; stderr: string }> {
  await using program = child(command, args, { env: plainEnv(), ...options })
  const { code, signal } = await program.exited
  const result = { stdout: program.stdout(), stderr: program.stderr() }
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${signal ?? `code ${code}`}\n${result.stdout}\n${result.stderr}`)
  return result
}
