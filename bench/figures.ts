/** What is made of many rounds, and how it is shown: pure functions. */

export type Summary = { readonly median: number; readonly least: number; readonly most: number; /** (most - least) / median. */ readonly spread: number }

/** The middle one, or the mean of the two in the middle; 0 of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length / 2
  const [low = 0, high = low] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]]
  return (low + high) / 2
}

export function summaryOf(values: readonly number[]): Summary {
  const middle = median(values)
  const [least, most] = values.length === 0 ? [0, 0] : [Math.min(...values), Math.max(...values)]
  return { median: middle, least, most, spread: middle === 0 ? 0 : (most - least) / middle }
}

/** Three digits that count: `4.41`, `0.136`, `21,500`, `253`. */
export function figure(value: number): string {
  if (value === 0) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  const rounded = Number(value.toPrecision(3))
  return rounded.toFixed(Math.min(digits, 8)).replace(/\B(?<!\.\d*)(?=(\d{3})+(?!\d))/g, ',')
}

export function count(value: number): string {
  return figure(Math.round(value)).replace(/\.0+$/, '')
}

export function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`
}

/** A table in Markdown, the first column to the left and the others to the right. */
export function markdown(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(heads), `|---${'|---:'.repeat(heads.length - 1)}|`, ...rows.map(line)].join('\n')
}
