/**
 * `npm run bench`: what runs inside the process. Prints the environment, then a table for each group.
 *
 *   npm run bench -- [--ms 300] [--rounds 3] [--json FILE]
 */
import { Bench } from 'tinybench'
import { benchCommand, numberFrom, runBench } from './command-line.ts'
import { addCrossing } from './crossing.ts'
import { addDescribing } from './describing.ts'
import { described, environment } from './environment.ts'
import { figure, markdown, percent, summaryOf } from './figures.ts'
import { writeResult } from './results.ts'
import type { Round, WorkloadResult } from './results.ts'

const groups = [
  ['crossing', 'the crossing, per call', addCrossing],
  ['describing', 'describing, per pipeline', addDescribing],
] as const

await runBench(async () => {
  const command = benchCommand('bench')
    .usage('-- [options]')
    .description('Measures what runs inside the process.')
    .option('--ms <milliseconds>', 'how long each task runs in a round', numberFrom(1, 60_000), 300)
    .option('--rounds <count>', 'how often each group is measured', numberFrom(1, 99, 'an integer'), 3)
    .option('--json <file>', 'write every round to a file')
    .parse()
  const { ms, rounds, json } = command.opts<{ ms: number; rounds: number; json?: string }>()
  const machine = environment()
  console.log(described(machine))
  const workloads: WorkloadResult[] = []
  for (const [group, title, add] of groups) {
    const tasks = new Map<string, Round[]>()
    for (let round = 0; round < rounds; round++) {
      const bench = new Bench({ name: title, time: ms, throws: true })
      add(bench)
      await bench.run()
      for (const { name, result } of bench.tasks) {
        if (!('latency' in result)) throw new Error(`${name} has not been measured`)
        tasks.set(name, [...(tasks.get(name) ?? []), { value: Math.round(1e6 * result.latency.p50) }])
      }
    }
    console.log(`\n${title}\n${table(tasks)}`)
    workloads.push(...[...tasks].map(([name, taken]) => ({ name: `${group}: ${name}`, title: name, unit: 'ns', better: 'less', subjects: { ours: { rounds: taken } } }) as const))
  }
  if (json !== undefined) writeResult(json, { kind: 'inside', environment: machine, versions: {}, leftOut: {}, options: { ms, rounds }, workloads })
})

/** Of the median of each round: a pause of the machine is in the mean of one, and says nothing. */
function table(tasks: ReadonlyMap<string, readonly Round[]>): string {
  const rows = [...tasks].map(([name, rounds]) => {
    const { median, least, most, spread } = summaryOf(rounds.map(({ value }) => value))
    return [name, figure(median), figure(least), figure(most), rounds.length < 2 ? '' : percent(spread), figure(1e9 / median)]
  })
  return markdown(['', 'median, ns', 'min', 'max', 'spread', 'a second'], rows)
}
