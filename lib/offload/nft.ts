/** Runs nft(8), and conntrack(8) where it is there. Rules go in on its standard input, so there is no shell and no argument that anybody else has chosen. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { RelayError } from '../errors.ts'
import { shown } from '../options.ts'
import { searchPath } from '../search-path.ts'

const env = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: searchPath(), LC_ALL: 'C' })

/** Loading now. */
const running = new Set<ChildProcess>()

/** 65,536 rules' worth of text. */
const maxBuffer = 256 * 1024 * 1024

/** What the machine lacks. */
export function lacking(problem: string, cause?: unknown): RelayError {
  return new RelayError(`offload: ${problem}`, { code: 'ERR_MILLRACE_NO_OFFLOAD', node: 'offload' }, cause)
}

type Ran = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Loads rules, all or none of them; throws ERR_MILLRACE_NO_OFFLOAD with what nft said. */
export async function load(text: string): Promise<void> {
  checked(await run('nft', ['-f', '-'], text))
}

/** The same where there is no time left to wait: in a handler of `exit`. What is being loaded is not waited for, and must not come after it. */
export function loadSync(text: string): void {
  for (const child of running) child.kill('SIGKILL')
  checked(runSync(['-f', '-'], text))
}

/** What `nft -j list …` prints, parsed; undefined where there is no such thing. */
export async function list(...what: readonly string[]): Promise<unknown> {
  return parsed(await run('nft', ['-j', 'list', ...what], ''))
}

/** `nft list ruleset` as it is printed, or nothing where it cannot be. */
export async function rulesetText(): Promise<string> {
  const ran = await run('nft', ['list', 'ruleset'], '')
  return ran.status === 0 ? ran.stdout : ''
}

/** `list`, blocking: a few milliseconds. */
export function listSync(...what: readonly string[]): unknown {
  return parsed(runSync(['-j', 'list', ...what], ''))
}

/**
 * Lets conntrack forget the sessions of zones whose rules are gone: what an upstream still sends would be translated and passed on for as long as
 * other rules of the machine use conntrack. Without conntrack(8) they go by their timeouts.
 */
export async function forget(zones: readonly number[]): Promise<void> {
  const all = zones.flatMap((zone) => ['ipv4', 'ipv6'].map((family) => run('conntrack', ['-D', '-f', family, '--orig-zone', `${zone}`], '')))
  await Promise.allSettled(all)
}

function parsed(ran: Ran): unknown {
  if (ran.status !== 0 && /No such file or directory/.test(ran.stderr)) return undefined
  const value: unknown = JSON.parse(checked(ran))
  return value
}

function checked({ status, stdout, stderr }: Ran): string {
  if (status === 0) return stdout
  if (/Operation not permitted|you must be root/i.test(stderr)) throw lacking('nft needs the capability CAP_NET_ADMIN: run as root, or give it, as AmbientCapabilities=CAP_NET_ADMIN in a systemd unit does')
  const problem = stderr.split('\n').find((line) => line.includes('Error')) ?? stderr.split('\n')[0] ?? ''
  throw lacking(`nft failed: ${problem.replace(/^\S+ Error: /, '').trim().slice(0, 300)}`)
}

function run(program: string, args: readonly string[], input: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    // In a process group of its own: a Ctrl-C is for us, and the second one too.
    const child = spawn(program, args, { env: env(), stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    running.add(child)
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (out[name] += text))
    child.once('error', (error) => {
      running.delete(child)
      reject(notRun(error))
    })
    child.once('close', (status) => {
      running.delete(child)
      resolve({ status, ...out })
    })
    child.stdin.on('error', () => undefined) // It has said why it ended.
    child.stdin.end(input)
  })
}

function runSync(args: readonly string[], input: string): Ran {
  const options = { env: env(), input, encoding: 'utf8', maxBuffer, detached: true } as const
  const { status, stdout, stderr, error } = spawnSync('nft', args, options)
  if (error !== undefined) throw notRun(error)
  return { status, stdout, stderr }
}

function notRun(error: Error): RelayError {
  if ('code' in error && error.code === 'ENOENT') return lacking('nft is not installed: it is in the package nftables', error)
  return lacking(`nft cannot be run: ${shown(error.message)}`, error)
}
