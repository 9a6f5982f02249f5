/** Two results of a bench, of two commits: what has become slower, or costs more, by more than its rounds differ. */
import { figure, markdown, percent, summaryOf } from './figures.ts'
import type { Result, Round, WorkloadResult } from './results.ts'

export type Change = {
  readonly workload: string
  readonly subject: string
  readonly what: string
  readonly before: number
  readonly after: number
  /** after / before. */
  readonly ratio: number
  /** The larger spread of the two; undefined where one has a single round. */
  readonly spread: number | undefined
  readonly verdict: 'worse' | 'better' | 'same' | 'unknown'
}

/** Rounds of one run agree better than two runs do: code and memory lie elsewhere, timers tick. A smaller difference is never told. */
export const leastDifference = 0.02

export type Comparison = { readonly warnings: readonly string[]; readonly changes: readonly Change[] }

export function compare(before: Result, after: Result): Comparison {
  if (before.kind !== after.kind) throw new Error(`one is of ${commandOf(before)}, the other of ${commandOf(after)}: they measure different things`)
  const changes = after.workloads.flatMap((now) => {
    const then = before.workloads.find(({ name }) => name === now.name)
    return then === undefined ? [] : changesOf(then, now)
  })
  return { warnings: warningsOf(before, after, changes), changes }
}

/** Whether something has become worse. */
export const isWorse = ({ changes }: Comparison): boolean => changes.some(({ verdict }) => verdict === 'worse')

const ours: readonly string[] = ['ours', 'handler']
const commandOf = ({ kind }: Result): string => ({ peers: 'bench:peers', inside: 'bench', soak: 'soak' })[kind]

function changesOf(then: WorkloadResult, now: WorkloadResult): readonly Change[] {
  return ours.flatMap((subject) => {
    const [older, newer] = [then.subjects[subject]?.rounds ?? [], now.subjects[subject]?.rounds ?? []]
    const value = change(older, newer, ({ value: one }) => one, now.better)
    const cost = change(older, newer, ({ cost: one }) => one, 'less')
    return [
      ...(value === undefined ? [] : [{ workload: now.name, subject, what: now.unit, ...value }]),
      ...(cost === undefined ? [] : [{ workload: now.name, subject, what: now.costUnit ?? 'CPU', ...cost }]),
    ]
  })
}

function change(older: readonly Round[], newer: readonly Round[], of: (round: Round) => number | undefined, better: 'more' | 'less'): Omit<Change, 'workload' | 'subject' | 'what'> | undefined {
  const [then, now] = [older, newer].map((rounds) => rounds.map(of).filter((value) => value !== undefined))
  if (then === undefined || now === undefined || then.length === 0 || now.length === 0) return undefined
  const [before, after] = [summaryOf(then), summaryOf(now)]
  const ratio = before.median === 0 ? (after.median === 0 ? 1 : Infinity) : after.median / before.median
  const spread = Math.min(then.length, now.length) < 2 ? undefined : Math.max(before.spread, after.spread)
  const gain = better === 'more' ? ratio - 1 : 1 - ratio
  const noise = Math.max(spread ?? 0, leastDifference)
  const verdict = spread === undefined ? 'unknown' : gain < -noise ? 'worse' : gain > noise ? 'better' : 'same'
  return { before: before.median, after: after.median, ratio, spread, verdict }
}

/** What makes two results hard to compare. */
function warningsOf(before: Result, after: Result, changes: readonly Change[]): readonly string[] {
  const differ = (what: string, then: string | number | undefined, now: string | number | undefined): readonly string[] =>
    then === now ? [] : [`${what} differs: ${then ?? 'none'} then, ${now ?? 'none'} now`]
  const names = (one: Result): readonly string[] => one.workloads.map(({ name }) => name)
  const only = (where: string, some: readonly string[], others: readonly string[]): readonly string[] => {
    const missing = some.filter((name) => !others.includes(name))
    return missing.length === 0 ? [] : [`only in the ${where} result: ${missing.join(', ')}`]
  }
  const keys = (then: object, now: object): readonly string[] => [...new Set([...Object.keys(then), ...Object.keys(now)])]
  return [
    ...(['kernel', 'congestion', 'cpu', 'cores', 'memoryGiB', 'node'] as const).flatMap((name) => differ(name, before.environment[name], after.environment[name])),
    ...keys(before.versions, after.versions).flatMap((name) => differ(`the version of ${name}`, before.versions[name], after.versions[name])),
    ...keys(before.options, after.options).flatMap((name) => differ(`the option ${name}`, before.options[name], after.options[name])),
    ...only('old', names(before), names(after)),
    ...only('new', names(after), names(before)),
    ...(changes.some(({ verdict }) => verdict === 'unknown') ? ['a single round has no spread: nothing can be said of it, measure with --rounds 3 or more'] : []),
  ]
}

const marks = { worse: '**worse**', better: 'better', same: '', unknown: '?' } as const

export function comparisonText({ warnings, changes }: Comparison): string {
  const rows = changes.map(({ workload, subject, what, before, after, ratio, spread, verdict }) =>
    [workload, subject, what, figure(before), figure(after), ratio.toFixed(3), spread === undefined ? '' : percent(spread), marks[verdict]])
  return [...warnings.map((text) => `warning: ${text}`), '', markdown(['workload', 'subject', '', 'old', 'new', 'new/old', 'spread', ''], rows)].join('\n')
}
