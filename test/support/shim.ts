/** Builds the LD_PRELOAD library `shim/short_io.c` into a temporary folder and gives the environment that loads it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { numberIn } from './json.ts'

export type ShimReport = { readonly calls: number; readonly shortened: number; readonly again: number; readonly interrupted: number }

export type Shim = {
  readonly env: NodeJS.ProcessEnv
  /** What the library did, once the process has exited. */
  readonly report: () => ShimReport
  readonly remove: () => void
}

export function buildShim(seed: number): Shim {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-shim-'))
  const library = join(folder, 'short_io.so')
  const source = fileURLToPath(new URL('shim/short_io.c', import.meta.url))
  execFileSync(process.env['CC'] ?? 'cc', ['-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-o', library, source, '-ldl'])
  const reportFile = join(folder, 'report.json')
  const before = process.env['LD_PRELOAD'] // a sanitizer's runtime must stay first
  return {
    env: {
      ...process.env,
      LD_PRELOAD: before ? `${before}:${library}` : library,
      MILLRACE_SHIM_SEED: String(seed),
      MILLRACE_SHIM_REPORT: reportFile,
    },
    report() {
      const read: unknown = JSON.parse(readFileSync(reportFile, 'utf8'))
      return { calls: numberIn(read, 'calls'), shortened: numberIn(read, 'shortened'), again: numberIn(read, 'again'), interrupted: numberIn(read, 'interrupted') }
    },
    remove: () => { rmSync(folder, { recursive: true }) },
  }
}
