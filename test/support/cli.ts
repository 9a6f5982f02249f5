/** The `millrace` program in a process of its own: `startCli` while a test needs it, `runCli` to its end. */
import assert from 'node:assert/strict'
import { child, type Child, type ChildOptions, type Exit } from './child.ts'
import { cli } from './forward-process.ts'

export type CliOptions = ChildOptions & {
  /** A program and its arguments to run it under, such as `setpriv …`. */
  readonly under?: readonly string[]
}

export type CliResult = Exit & { readonly stdout: string; readonly stderr: string }

export function startCli(args: readonly string[], { under = [], env = {}, ...options }: CliOptions = {}): Child {
  const [program = process.execPath, ...rest] = [...under, process.execPath, cli, ...args]
  return child(program, rest, { ...options, env: { ...process.env, ...env } })
}

export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  await using program = startCli(args, options)
  const exit = await program.exited
  return { ...exit, stdout: program.stdout(), stderr: program.stderr() }
}

/** The program says one line on stderr and nothing on stdout, and ends with `code`. */
export async function complains(args: readonly string[], line: string, code: number, options: CliOptions = {}): Promise<void> {
  assert.deepEqual(await runCli(args, options), { code, signal: null, stdout: '', stderr: `${line}\n` })
}

/** `127.0.0.1:40123` in the ready line `listening tcp 127.0.0.1:40123 -> …`. */
export async function readyAddress(program: Child): Promise<string> {
  const [, address = ''] = await program.line(/^listening tcp (\S+:[1-9]\d*) -> /)
  return address
}
