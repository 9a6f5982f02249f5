/** What a figure was measured on: without it a figure says nothing. */
import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

export type Environment = { readonly date: string; readonly commit: string; readonly kernel: string; readonly cpu: string; readonly memoryGiB: number; readonly node: string }

export function environment(): Environment {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    kernel: release(),
    cpu: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
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
