/** Runs one target under libFuzzer, from its seeds, for a time. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../support/compile.ts'
import type { Target } from './build.ts'
import { executionsIn, reportIn, statusIn } from './outcome.ts'
import type { Outcome } from './outcome.ts'

/** Its own, since those of a process that is itself under ASan send reports elsewhere. Allocations are many and small: ASan need not remember much of them, or for long. */
const sanitizers = { ASAN_OPTIONS: 'detect_leaks=1:quarantine_size_mb=16:malloc_context_size=4', UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1', LSAN_OPTIONS: '' }

/** Longer than any input that must be read at once: the longest STUN request that is answered has 2048 bytes. */
const longestInput = 4_096
const mostMegabytes = 1_024

export type FuzzOptions = {
  readonly seeds: readonly Buffer[]
  readonly secs: number
  /** Repeats the choices of another run, as far as the time lets it come. */
  readonly seed: number
  /** Takes the corpus and what is found. */
  readonly folder: string
  /** How long one input may take, 10. They take microseconds: one that takes so long does not end, on any machine. */
  readonly inputSecs?: number
}

export async function fuzzTarget({ name, program }: Target, { seeds, secs, seed, folder, inputSecs = 10 }: FuzzOptions): Promise<Outcome> {
  const own = join(folder, name)
  const [corpus, empty, found] = [join(own, 'corpus'), join(own, 'empty'), join(own, 'found')]
  for (const path of [corpus, empty, found]) mkdirSync(path, { recursive: true })
  for (const [i, bytes] of seeds.entries()) writeFileSync(join(corpus, `seed-${i}`), bytes)

  const limits = [`-timeout=${inputSecs}`, `-rss_limit_mb=${mostMegabytes}`, `-max_len=${longestInput}`, `-artifact_prefix=${found}/`, '-print_final_stats=1']
  const nothing = await run(program, [empty, ...limits, '-runs=0'], sanitizers)
  const began = performance.now()
  // Lengths grow ten times as fast as they would by themselves: the time is short.
  const whole = await run(program, [corpus, ...limits, '-len_control=10', `-max_total_time=${secs}`, `-seed=${seed % 0xffffffff + 1}`], sanitizers)
  const took = (performance.now() - began) / 1000
  const { code, output } = nothing.code === 0 ? whole : nothing
  const statuses = whole.output.split('\n').map(statusIn).filter((status) => status !== undefined)
  const artifact = readdirSync(found).find((file) => !file.startsWith('slow-unit'))
  return {
    name,
    secs: took,
    code,
    executions: executionsIn(whole.output),
    edges: { nothing: nothing.output.split('\n').map(statusIn).findLast((status) => status !== undefined)?.edges ?? 0, seeds: statuses[0]?.edges ?? 0, end: statuses.at(-1)?.edges ?? 0 },
    features: statuses.at(-1)?.features ?? 0,
    corpus: statuses.at(-1)?.corpus ?? 0,
    report: reportIn(output),
    ...(artifact === undefined ? {} : { input: readFileSync(join(found, artifact)) }),
  }
}

/** What one input does: nothing where the code is 0. */
export async function tryInput({ name, program }: Target, input: Buffer, folder: string): Promise<{ readonly code: number | null; readonly report: string }> {
  const file = join(folder, `${name}-input`)
  writeFileSync(file, input)
  const { code, output } = await run(program, [file, '-timeout=10', `-artifact_prefix=${folder}/`], sanitizers)
  return { code, report: code === 0 ? '' : reportIn(output) }
}
