/** What `npm run bench:chart` makes, by the file it goes to. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Result } from '../results.ts'
import { svgOf } from './svg.ts'
import { withTables } from './table.ts'

const file = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url))

/** README.md shows that which suits the page. */
export function filesOf(result: Result): ReadonlyMap<string, string> {
  return new Map([
    [file('docs/peers-light.svg'), svgOf(result, 'light')],
    [file('docs/peers-dark.svg'), svgOf(result, 'dark')],
    [file('README.md'), withTables(readFileSync(file('README.md'), 'utf8'), result)],
  ])
}
