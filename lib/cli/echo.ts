/** `millrace echo LISTEN`: sends everything back; the quickest way to see whether a port is reachable. */
import { Command } from 'commander'
import { echo } from '../sinks/echo.ts'
import { endpoint } from './endpoints.ts'
import { addReceiveBuffer, pipelineInto } from './receive-buffer.ts'
import { addRelayOptions, runRelay, startHere } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'

const examples = `
Examples:
  $ millrace echo tcp://127.0.0.1:7007
  $ millrace echo udp://127.0.0.1:7007 --stats 1s
  $ millrace echo unix:///tmp/echo.sock --stats 1s`

export function echoCommand(): Command {
  const command = new Command('echo')
    .summary('send everything back')
    .description('Accepts on LISTEN and sends back whatever comes.')
    .argument('<listen>', 'where to listen, such as tcp://127.0.0.1:7007 or udp://127.0.0.1:7007')
  return addRelayOptions(addReceiveBuffer(command))
    .addHelpText('after', examples)
    .action(async (listenAt: string, options: RelayOptions) => {
      const pipeline = pipelineInto(echo(), endpoint('LISTEN', listenAt), options)
      process.exitCode = await runRelay({ command: 'echo', start: startHere([pipeline]), options })
    })
}
