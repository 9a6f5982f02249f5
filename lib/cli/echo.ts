/** `millrace echo LISTEN`: sends everything back; the quickest way to see whether a port is reachable. */
import { Command } from 'commander'
import { parseEndpoint } from '../endpoint.ts'
import { listen, pipe } from '../pipe.ts'
import { echo } from '../sinks/echo.ts'
import { addRelayOptions, runRelay } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import { fromOption } from './usage.ts'

export function echoCommand(): Command {
  const command = new Command('echo')
    .summary('send everything back')
    .description('Accepts on LISTEN and sends back whatever comes.')
    .argument('<listen>', 'where to listen, such as tcp://127.0.0.1:7007')
  return addRelayOptions(command)
    .addHelpText('after', '\nExamples:\n  $ millrace echo tcp://127.0.0.1:7007\n  $ millrace echo unix:///tmp/echo.sock --stats 1s')
    .action(async (listenAt: string, options: RelayOptions) => {
      const pipeline = pipe(listen(fromOption('LISTEN', () => parseEndpoint(listenAt))), echo())
      process.exitCode = await runRelay({ command: 'echo', pipelines: [pipeline], options })
    })
}
