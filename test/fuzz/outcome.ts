/** What libFuzzer says of a run, and what is wrong with it: pure functions. */
import { count } from '../../bench/figures.ts'

export type Outcome = {
  readonly name: string
  /** How long it ran. */
  readonly secs: number
  /** Of the process: 0 where no input broke anything. */
  readonly code: number | null
  readonly executions: number
  /** Edges of the addon that are reached: without an input, by the seeds, and at the end. */
  readonly edges: { readonly nothing: number; readonly seeds: number; readonly end: number }
  /** libFuzzer's features: an edge counts several times, by how often it is taken. */
  readonly features: number
  /** How many inputs were kept because they reach something new. */
  readonly corpus: number
  /** What it wrote from the first error on. */
  readonly report: string
  /** The input that broke something. */
  readonly input?: Buffer
}

/** A target of which less gets through in a second has something else to do than to fuzz. The slowest makes some thousands. */
const leastPerSecond = 100

export function faultsOf(outcome: Outcome): readonly string[] {
  const { name, secs, code, executions, edges, report, input } = outcome
  if (code !== 0) {
    const repeat = input === undefined ? '' : `\ninput: ${input.toString('hex')}\nagain: npm run test:fuzz -- --only ${name} --input ${input.toString('hex') || "''"}`
    return [`${name} ended with ${code}:\n${report.trimEnd()}${repeat}`]
  }
  const faults: string[] = []
  if (executions < leastPerSecond * secs) faults.push(`${name} has made ${executions} executions in ${secs.toFixed(1)} s, which is less than ${leastPerSecond} a second`)
  if (edges.end <= edges.nothing) faults.push(`${name} reaches ${edges.end} edges of its parser, no more than without an input: it does not get there`)
  return faults
}

export function outcomeLine({ name, secs, executions, edges, features, corpus }: Outcome): string {
  const rate = secs === 0 ? 0 : executions / secs
  return `${name.padEnd(16)} ${String(executions).padStart(10)} executions ${count(rate).padStart(8)}/s   edges ${[edges.nothing, edges.seeds, edges.end].map((edge) => String(edge).padStart(4)).join(' >')}   ${String(features).padStart(5)} features   corpus ${corpus}`
}

/** The status that a line of libFuzzer has, as `#262144 pulse  cov: 43 ft: 301 corp: 154/4880b lim: 585 exec/s: 18560 rss: 606Mb`. */
export function statusIn(line: string): { readonly edges: number; readonly features: number; readonly corpus: number } | undefined {
  const found = /^#\d+\s+[\w-]+\s+cov: (\d+) ft: (\d+) corp: (\d+)/.exec(line)
  return found === null ? undefined : { edges: Number(found[1]), features: Number(found[2]), corpus: Number(found[3]) }
}

/** What libFuzzer has counted at its end; 0 where it did not get there. */
export function executionsIn(output: string): number {
  return Number(/^stat::number_of_executed_units:\s*(\d+)$/m.exec(output)?.[1] ?? 0)
}

/** The first error and where it happened, without what of the memory and of the mutations before it nobody reads. */
export function reportIn(output: string): string {
  const lines = output.split('\n')
  const first = lines.findIndex((line) => /does not hold: |runtime error: |ERROR: /.test(line))
  const rest = lines.slice(first < 0 ? -30 : first)
  const last = rest.findIndex((line) => /^Shadow bytes around |^NOTE: libFuzzer |^MS: |^stat::/.test(line))
  return rest.slice(0, last < 0 ? rest.length : last).filter((line) => line.trim() !== '' && !/ in (?:fuzzer::|main |_start |__libc_start)/.test(line)).join('\n')
}
