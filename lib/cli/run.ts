/** `millrace run FILE`: serves the pipelines that a TypeScript or JavaScript file exports. */
import { Command } from 'commander'
import { loadPipelines } from './load-pipelines.ts'
import { addRelayOptions, runRelay } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'

export function runCommand(): Command {
  const command = new Command('run')
    .summary('serve the pipelines of a file')
    .description('Serves what FILE exports by default: a pipeline or an array of pipelines. Types are stripped, not checked: see `millrace check`.')
    .argument('<file>', 'a .ts or .js file')
  return addRelayOptions(command)
    .addHelpText('after', '\nExamples:\n  $ millrace run examples/port-forward.ts\n  $ millrace run relay.ts --stats 1s --log')
    .action(async (file: string, options: RelayOptions) => {
      process.exitCode = await runRelay({ command: 'run', pipelines: await loadPipelines(file), options })
    })
}
