/**
 * Two results, of bench:peers or of bench, of two commits. Ends with 1 where one of ours is slower, or costs more CPU, by more than its rounds differ.
 *
 *   npm run bench:compare -- OLD.json NEW.json
 */
import { benchCommand, runBench } from './command-line.ts'
import { compare, comparisonText, isWorse } from './comparison.ts'
import { readResult } from './results.ts'

await runBench(() => {
  const [older = '', newer = ''] = benchCommand('bench:compare').usage('-- OLD.json NEW.json').argument('<old>', 'the result before').argument('<new>', 'the result after').parse().args
  const [before, after] = [readResult(older), readResult(newer)]
  const comparison = compare(before, after)
  console.log(`old: ${before.environment.commit}, ${before.environment.date}\nnew: ${after.environment.commit}, ${after.environment.date}`)
  console.log(comparisonText(comparison))
  if (isWorse(comparison)) process.exitCode = 1
})
