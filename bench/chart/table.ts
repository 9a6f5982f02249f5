/** The tables of README.md, made of a result. */
import { count, figure, markdown, summaryOf } from '../figures.ts'
import type { Result, Round, WorkloadResult } from '../results.ts'
import { kinds, machine, method, nameOf, ofKind, omissions, versions } from './captions.ts'

export const [begin, end] = ['<!-- bench:chart begins: made by `npm run bench:chart` from bench/results/peers.json, do not edit -->', '<!-- bench:chart ends -->'] as const

/** README.md with the tables of a result between the markers; throws where it has none. */
export function withTables(readme: string, result: Result): string {
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`README.md must have the lines\n${begin}\n${end}`)
  return `${readme.slice(0, from)}${begin}\n\n${tables(result)}\n\n${readme.slice(to)}`
}

export function tables(result: Result): string {
  const shown = kinds.flatMap(([kind, title]) => {
    const workloads = ofKind(result, kind)
    return workloads.length === 0 ? [] : [table(title, workloads)]
  })
  return [[...method(result), machine(result), versions(result), ...omissions(result)].join(' ').trim(), ...shown].join('\n\n')
}

function table(title: string, workloads: readonly WorkloadResult[]): string {
  const subjects = [...new Set(workloads.flatMap((workload) => Object.keys(workload.subjects)))]
  const rows = workloads.flatMap((workload) => {
    const of = (cell: (rounds: readonly Round[]) => string): readonly string[] => subjects.map((subject) => {
      const rounds = workload.subjects[subject]?.rounds ?? []
      return rounds.length === 0 ? '–' : cell(rounds)
    })
    const carried = [`${workload.title}: ${workload.unit}`, ...of((rounds) => `${shown(rounds, 'value')}${lost(rounds)}`)]
    const cost = workload.costUnit === undefined ? [] : [[`… ${workload.costUnit}`, ...of((rounds) => shown(rounds, 'cost'))]]
    const hasLatency = Object.values(workload.subjects).some(({ rounds }) => rounds.some(({ p50Us }) => p50Us !== undefined))
    const latency = hasLatency ? [['… p50 / p99, µs', ...of((rounds) => `${shown(rounds, 'p50Us')} / ${shown(rounds, 'p99Us')}`)]] : []
    return [carried, ...cost, ...latency]
  })
  return markdown([title, ...subjects.map(nameOf)], rows)
}

function shown(rounds: readonly Round[], field: 'value' | 'cost' | 'p50Us' | 'p99Us'): string {
  const values = rounds.map((round) => round[field]).filter((value) => value !== undefined)
  return values.length === 0 ? '–' : figure(summaryOf(values).median)
}

/** What the client has lost, and connections that failed: where there is any. */
function lost(rounds: readonly Round[]): string {
  const [percent, failed] = [summaryOf(rounds.map(({ lostPercent = 0 }) => lostPercent)).median, summaryOf(rounds.map(({ failed: some = 0 }) => some)).median]
  return `${percent < 0.05 ? '' : `, lost ${percent.toFixed(1)} %`}${failed === 0 ? '' : `, ${count(failed)} failed`}`
}
