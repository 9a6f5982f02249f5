/** `npm run bench`: what runs inside the process. Prints the environment, then a table. */
import { Bench } from 'tinybench'
import { addCrossing } from './crossing.ts'
import { addDescribing } from './describing.ts'
import { environment } from './environment.ts'

console.log(Object.entries(environment()).map(([name, value]) => `${name}: ${value}`).join('\n'))
for (const [title, add] of [
  ['the crossing, per call', addCrossing],
  ['describing, per pipeline', addDescribing],
] as const) {
  const bench = new Bench({ name: title, time: Number(process.env['BENCH_MS'] ?? 300) })
  add(bench)
  await bench.run()
  console.log(`\n${title}`)
  console.table(bench.table())
}
