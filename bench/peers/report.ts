/** What bench:peers prints: for each workload, every round of each subject, and what is made of them. */
import { count, figure, markdown, percent, summaryOf } from '../figures.ts'
import type { WorkloadResult } from '../results.ts'

export function report({ name, title, unit, costUnit, subjects }: WorkloadResult): string {
  const heads = ['', `median, ${unit}`, 'min', 'max', 'spread', costUnit ?? '', 'p50 / p99', 'lost', 'failed', 'rounds']
  const rows = Object.entries(subjects).map(([subject, { rounds }]) => {
    const { median, least, most, spread } = summaryOf(rounds.map(({ value }) => value))
    const middle = (field: 'cost' | 'p50Us' | 'p99Us' | 'lostPercent' | 'failed'): number | undefined => {
      const values = rounds.map((round) => round[field]).filter((value) => value !== undefined)
      return values.length === 0 ? undefined : summaryOf(values).median
    }
    const shown = (value: number | undefined, text: (value: number) => string = figure): string => (value === undefined ? '' : text(value))
    const [p50, p99] = [middle('p50Us'), middle('p99Us')]
    return [
      subject, figure(median), figure(least), figure(most), rounds.length < 2 ? '' : percent(spread), shown(middle('cost')),
      p50 === undefined || p99 === undefined ? '' : `${figure(p50)} / ${figure(p99)} µs`,
      shown(middle('lostPercent'), (lost) => `${lost.toFixed(2)} %`), shown(middle('failed'), count), rounds.map(({ value }) => figure(value)).join(' '),
    ]
  })
  // A column that nobody has anything in says nothing.
  const kept = heads.map((_, column) => column === 0 || rows.some((row) => row[column] !== ''))
  const keep = (cells: readonly string[]): readonly string[] => cells.filter((_, column) => kept[column])
  return `${name}: ${title}\n${markdown(keep(heads), rows.map(keep))}`
}
