/**
 * `udp_load/`, datagrams at the speed of C: compiled once a test run into a temporary folder, and run as a child process.
 * `verify` checks every datagram that comes back, `echo` sends back, `flood` and `honest` are for what a flood does to others.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { child, plainEnv, type Child } from './child.ts'
import { numberIn } from './json.ts'
import { hostOf, portOf } from './udp-peers.ts'

type Options = Readonly<Record<string, string | number>>

/** What a program is run under, such as `ip netns exec …`. */
type Under = { readonly under?: readonly string[] }

export type VerifyOptions = {
  readonly flows?: number
  /** Of all flows together. */
  readonly count: number
  /** `64`, or `24-1200` for each at random; at least 24. */
  readonly size: number | string
  /** Datagrams of a flow that may be on their way. */
  readonly window?: number
  readonly gso?: 0 | 1
  /** A local address. */
  readonly from?: string
  /** Seconds without anything coming back after which the rest is missing. */
  readonly patience?: number
}

export type Verified = {
  readonly sent: number
  readonly received: number
  readonly missing: number
  readonly duplicated: number
  readonly reordered: number
  readonly corrupt: number
  /** Sends and receives that failed with ECONNREFUSED. */
  readonly refused: number
  /** What the program's own sockets had no room for. */
  readonly overflowed: number
  /** System calls that sent, and messages that came, each of one datagram or of several. */
  readonly sends: number
  readonly messages: number
  readonly seconds: number
}

let built: string | undefined

function program(): string {
  if (built !== undefined) return built
  const folder = mkdtempSync(join(tmpdir(), 'millrace-udp-load-'))
  process.on('exit', () => { rmSync(folder, { recursive: true, force: true }) })
  const sources = fileURLToPath(new URL('udp_load', import.meta.url))
  const files = readdirSync(sources).filter((name) => name.endsWith('.c')).map((name) => join(sources, name))
  const path = join(folder, 'udp_load')
  execFileSync(process.env['CC'] ?? 'cc', ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-o', path, ...files], { env: plainEnv() })
  built = path
  return path
}

export function startLoad(mode: 'verify' | 'echo' | 'flood' | 'honest', to: string, options: Options, { under = [] }: Under = {}): Child {
  const [command = program(), ...args] = [...under, program(), mode, hostOf(to), String(portOf(to)), ...Object.entries(options).map(([name, value]) => `${name}=${value}`)]
  return child(command, args, { env: plainEnv() })
}

/** The report of a program that ends by itself. */
async function reportOf(load: Child): Promise<unknown> {
  const { code, signal } = await load.exited
  if (code !== 0) throw new Error(`udp_load ended with ${signal ?? `code ${code}`}: ${load.stderr()}`)
  const report: unknown = JSON.parse(load.stdout().trim().split('\n').at(-1) ?? '')
  return report
}

export async function verify(to: string, options: VerifyOptions, under: Under = {}): Promise<Verified> {
  await using load = startLoad('verify', to, { ...options }, under)
  const report = await reportOf(load)
  const of = (name: string): number => numberIn(report, name)
  return {
    sent: of('sent'), received: of('received'), missing: of('missing'), duplicated: of('duplicated'), reordered: of('reordered'), corrupt: of('corrupt'),
    refused: of('refused'), overflowed: of('overflowed'), sends: of('sends'), messages: of('messages'), seconds: of('seconds'),
  }
}

/** What is wrong with it: nothing may be. */
export const faultsOf = ({ missing, duplicated, reordered, corrupt }: Verified): object => ({ missing, duplicated, reordered, corrupt })
export const flawless = { missing: 0, duplicated: 0, reordered: 0, corrupt: 0 }

export type LoadEcho = Child & { readonly address: string; readonly port: number }

export async function loadEcho(at = '127.0.0.1:0', options: { readonly gro?: 0 | 1 } & Under = {}): Promise<LoadEcho> {
  const { under = [], gro = 0 } = options
  const load = startLoad('echo', at, { gro }, { under })
  const [, port = ''] = await load.line(/^ready (\d+)$/)
  return { ...load, address: `${at.slice(0, at.lastIndexOf(':'))}:${port}`, port: Number(port) }
}

export type Flooded = { readonly sent: number; readonly sources: number }

export async function flood(to: string, options: { readonly sources: number; readonly rate: number; readonly seconds: number; readonly from?: string }, under: Under = {}): Promise<Flooded> {
  await using load = startLoad('flood', to, options, under)
  const report = await reportOf(load)
  return { sent: numberIn(report, 'sent'), sources: numberIn(report, 'sources') }
}

export type Honest = { readonly sent: number; readonly received: number; readonly lost: number; readonly corrupt: number; readonly unsent: number }

/** Flows that send until they are told to stop; resolves when each has had an answer. */
export async function honest(to: string, options: { readonly flows: number; readonly rate: number; readonly size?: number; readonly from?: string }, under: Under = {}): Promise<{
  readonly stop: () => Promise<Honest>
  [Symbol.asyncDispose](): Promise<void>
}> {
  const load = startLoad('honest', to, options, under)
  await load.line(/^established$/)
  return {
    async stop() {
      load.kill('SIGTERM')
      const report = await reportOf(load)
      const of = (name: string): number => numberIn(report, name)
      return { sent: of('sent'), received: of('received'), lost: of('lost'), corrupt: of('corrupt'), unsent: of('unsent') }
    },
    [Symbol.asyncDispose]: () => load[Symbol.asyncDispose](),
  }
}
