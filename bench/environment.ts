/** What a figure was measured on: without it a figure says nothing. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

export type Environment = {
  readonly date: string
  readonly commit: string
  readonly kernel: string
  /** TCP's default: one that paces, as bbr does, decides what goes over loopback. */
  readonly congestion: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly node: string
}

export function environment(): Environment {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    kernel: release(),
    congestion: congestion(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  }
}

/** `name: value` a line. */
export function described(values: object): string {
  return Object.entries(values).map(([name, value]) => `${name}: ${value}`).join('\n')
}

function congestion(): string {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : ' with changes')
  } catch {
    return 'not a git checkout'
  }
}
