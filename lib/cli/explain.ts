/** `millrace explain FILE`: says for every node of a file's pipelines whether it runs natively or in JavaScript, and opens nothing. */
import { Command } from 'commander'
import { explain, explainOffloaded } from '../explain.ts'
import { loadPipelines } from './load-pipelines.ts'
import { addOffload, checkOffloadOption } from './offload-option.ts'
import type { OffloadOption } from './offload-option.ts'

export function explainCommand(): Command {
  const command = new Command('explain')
    .summary('say which parts of a file run natively and which in JavaScript')
    .description('Prints every node of the pipelines that FILE exports, with what runs natively and what in JavaScript. Nothing is opened.')
    .argument('<file>', 'a .ts or .js file')
  return addOffload(command, 'nftables: say whether the kernel can do it all')
    .addHelpText('after', '\nExample:\n  $ millrace explain examples/sniff-and-rewrite.ts')
    .action(async (file: string, options: OffloadOption) => {
      const pipelines = await loadPipelines(file, { mayServe: false })
      checkOffloadOption(pipelines, options)
      process.stdout.write(`${pipelines.map((pipeline) => (options.offload === undefined ? explain(pipeline) : explainOffloaded(pipeline))).join('\n\n')}\n`)
    })
}
