/** `millrace explain FILE`: says for every node of a file's pipelines whether it runs natively or in JavaScript, and opens nothing. */
import { Command } from 'commander'
import { explain } from '../explain.ts'
import { loadPipelines } from './load-pipelines.ts'

export function explainCommand(): Command {
  return new Command('explain')
    .summary('say which parts of a file run natively and which in JavaScript')
    .description('Prints every node of the pipelines that FILE exports, with what runs natively and what in JavaScript. Nothing is opened.')
    .argument('<file>', 'a .ts or .js file')
    .addHelpText('after', '\nExample:\n  $ millrace explain examples/sniff-and-rewrite.ts')
    .action(async (file: string) => {
      const pipelines = await loadPipelines(file)
      process.stdout.write(`${pipelines.map((pipeline) => explain(pipeline)).join('\n\n')}\n`)
    })
}
