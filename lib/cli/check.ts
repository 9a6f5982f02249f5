/** `millrace check FILE`: finds what is wrong with a file without serving it: static types first, then loading and compiling it. */
import { Command } from 'commander'
import { compile } from '../compile.ts'
import { checkListeners } from '../listeners.ts'
import { checkReadable, loadPipelines } from './load-pipelines.ts'
import { typeCheck } from './type-check.ts'
import { exitFailure } from './usage.ts'

export function checkCommand(): Command {
  return new Command('check')
    .summary('find the mistakes in a file without serving it')
    .description('Checks the types of FILE where typescript 5 or 6 is installed, loads it and compiles its pipelines. Nothing is opened. Exits with 1 if anything is wrong.')
    .argument('<file>', 'a .ts or .js file')
    .addHelpText('after', '\nExample:\n  $ millrace check relay.ts && millrace run relay.ts')
    .action(async (file: string) => {
      await checkReadable(file)
      const { errors, unchecked } = typeCheck(file)
      errors.forEach((line) => process.stderr.write(`millrace: check: ${line}\n`))
      if (errors.length > 0) {
        process.exitCode = exitFailure
        return
      }
      const pipelines = await loadPipelines(file, { mayServe: false })
      checkListeners(pipelines.map((pipeline) => compile(pipeline).plan))
      const number = pipelines.length === 1 ? '1 pipeline' : `${pipelines.length} pipelines`
      process.stdout.write(`${file}: ${number}, ${unchecked === undefined ? 'no errors' : `types not checked: ${unchecked}`}\n`)
    })
}
