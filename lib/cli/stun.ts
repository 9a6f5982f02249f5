/** `millrace stun LISTEN…`: a STUN server. */
import { Command } from 'commander'
import { stun } from '../sinks/stun.ts'
import type { StunOptions } from '../sinks/stun.ts'
import { endpoint } from './endpoints.ts'
import { addReceiveBuffer, pipelineInto } from './receive-buffer.ts'
import { addRelayOptions, runRelay, startHere } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import { count } from './units.ts'
import { fromOption } from './usage.ts'

const examples = `
Examples:
  $ millrace stun udp://0.0.0.0:3478 tcp://0.0.0.0:3478
  $ millrace stun udp://127.0.0.1:3478 --rate-per-address 20 --stats 1s`

type Options = RelayOptions & StunOptions

export function stunCommand(): Command {
  const command = new Command('stun')
    .summary('answer STUN Binding requests')
    .description('Tells everybody who asks by STUN (RFC 8489) from which address the question came, over UDP and TCP.')
    .argument('<listen...>', 'where to listen, such as udp://0.0.0.0:3478 or tcp://0.0.0.0:3478')
    .option('--rate-per-address <count>', 'answers a second to one IPv4 address or one /64 of IPv6 (default: any number)', (text: string) => count('--rate-per-address', text, 1))
    .option('--software <text>', 'what every answer says of the server (default: nothing, so that answers stay short)', (software: string) => {
      fromOption('--software', () => stun({ software }))
      return software
    })
    .option('--fingerprint', 'put a FINGERPRINT into every answer (default: where the request has one)')
    .option('--rfc3489', 'answer clients of RFC 3489 too')
  return addRelayOptions(addReceiveBuffer(command))
    .addHelpText('after', examples)
    .action(async (listenAt: readonly string[], options: Options) => {
      const { software, fingerprint, rfc3489, ratePerAddress } = options
      const sink = stun({
        ...(software === undefined ? {} : { software }), ...(fingerprint === undefined ? {} : { fingerprint }),
        ...(rfc3489 === undefined ? {} : { rfc3489 }), ...(ratePerAddress === undefined ? {} : { ratePerAddress }),
      })
      const pipelines = listenAt.map((at) => pipelineInto(sink, endpoint('LISTEN', at), options))
      process.exitCode = await runRelay({ command: 'stun', start: startHere(pipelines), options })
    })
}
