/**
 * `npm run test:fuzz`: every native parser under libFuzzer, ASan and UBSan, with what test/fuzz/properties.h demands of all and test/fuzz/targets of each.
 * Prints for each target how often it was executed and what it has reached. Ends with 1 and the input in hex where one crashes, leaks, does not end or takes back an
 * answer, and where a target did not get into its parser.
 *
 *   npm run test:fuzz -- [--minutes 10] [--only dns,stun] [--input HEX] [--targets FOLDER]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { benchCommand, namesOf, numberFrom, runBench } from '../../bench/command-line.ts'
import { seed } from '../support/seeded.ts'
import { buildTargets, targetSources } from './build.ts'
import { fuzzTarget, tryInput } from './fuzz.ts'
import { faultsOf, outcomeLine } from './outcome.ts'
import type { Outcome } from './outcome.ts'
import { inputFrom, seedsOf } from './seeds.ts'

const givenInput = (text: string): Buffer => {
  try {
    return inputFrom(text)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

await runBench(async () => {
  const options = benchCommand('test:fuzz')
    .usage('-- [options]')
    .description('Fuzzes the native parsers.')
    .option('--minutes <count>', 'the time of all targets together; two run at once where there are two processors', numberFrom(0.05, 7 * 24 * 60), 10)
    .option('--only <names>', 'these targets alone, with commas between them')
    .option('--input <hex>', 'no fuzzing: this one input', givenInput)
    .option('--targets <folder>', 'where the targets are', 'test/fuzz/targets')
    .parse()
    .opts<{ minutes: number; only?: string; input?: Buffer; targets: string }>()
  const { minutes, input } = options
  const sources = targetSources(options.targets)
  const only = options.only === undefined ? [...sources.keys()] : namesOf([...sources.keys()])(options.only)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-fuzz-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const targets = await buildTargets(folder, only.map((name) => sources.get(name) ?? ''))

  if (input !== undefined) {
    for (const target of targets) {
      const { code, report } = await tryInput(target, input, folder)
      console.log(`${target.name}: ${code === 0 ? 'nothing is wrong' : `ended with ${code}\n${report}`}`)
      if (code !== 0) process.exitCode = 1
    }
    return
  }

  const secs = Math.max(1, Math.ceil(minutes * 60 / targets.length))
  const outcomes: Outcome[] = []
  const left = [...targets]
  const chosen = seed()
  const began = performance.now()
  const worker = async (): Promise<void> => {
    for (let target = left.shift(); target !== undefined; target = left.shift()) {
      const outcome = await fuzzTarget(target, { seeds: seedsOf(target.name), secs, seed: chosen, folder })
      console.log(outcomeLine(outcome))
      outcomes.push(outcome)
    }
  }
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker))

  const faults = outcomes.flatMap(faultsOf)
  const executions = outcomes.reduce((sum, outcome) => sum + outcome.executions, 0)
  const edges = outcomes.reduce((sum, outcome) => sum + outcome.edges.end, 0)
  const fuzzed = outcomes.reduce((sum, outcome) => sum + outcome.secs, 0)
  console.log(`\n${targets.length} targets, ${executions} executions, ${edges} edges, ${Math.round(fuzzed)} s of fuzzing in ${Math.round((performance.now() - began) / 1000)} s: ${faults.length === 0 ? 'nothing is wrong' : `${faults.length} faults`}`)
  for (const fault of faults) console.error(`\n${fault}`)
  if (faults.length > 0) process.exitCode = 1
})
