/**
 * Makes the chart and the tables of README.md from the result in bench/results/peers.json.
 *
 *   npm run bench:chart
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { filesOf } from './chart/files.ts'
import { benchCommand, runBench } from './command-line.ts'
import { committedResult } from './peers/options.ts'
import { readResult } from './results.ts'

await runBench(() => {
  benchCommand('bench:chart').description('Makes the chart and the tables of README.md from bench/results/peers.json.').parse()
  for (const [file, content] of filesOf(readResult(committedResult))) {
    writeFileSync(file, content)
    console.log(`made ${relative(process.cwd(), file)}`)
  }
})
