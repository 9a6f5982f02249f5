/** `millrace forward LISTEN UPSTREAM`: a port-forward with everything a stage can say, as options. */
import { Command } from 'commander'
import { formatEndpoint } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Kind } from '../part.ts'
import { listen, pipe } from '../pipe.ts'
import { forward } from '../sinks/forward.ts'
import { upstreams } from '../upstreams/upstreams.ts'
import type { AnyEndpoint, AnyEndpoints, AnyPipeline } from './endpoints.ts'
import { endpoint, endpoints, refuseOthers } from './endpoints.ts'
import { addForwardOptions, kindOfOption } from './forward-options.ts'
import type { ForwardOptions } from './forward-options.ts'
import { addOffload, checkOffloadOption } from './offload-option.ts'
import { addRelayOptions, runRelay, startHere } from './relay-command.ts'
import { connectingOf, datagramStagesOf, streamStagesOf } from './session-options.ts'
import { fromOption, usage } from './usage.ts'

const examples = `
Examples:
  $ millrace forward tcp://127.0.0.1:8080 tcp://10.0.0.5:80
  $ millrace forward tcp://0.0.0.0:5432 tcp://db.internal:5432 --allow 10.0.0.0/8 --max-sessions 200 --stats 1s
  $ millrace forward unix:///run/app.sock tcp://10.0.0.5:80 --idle-timeout 5m --throttle 10MB/s
  $ millrace forward tcp://127.0.0.1:8080 tcp://10.0.0.5:80,tcp://10.0.0.6:80 --balance leastSessions --health tcp
  $ millrace forward tcp://[::1]:0 unix:///run/app.sock --json | jq .
  $ millrace forward udp://127.0.0.1:5353 udp://10.0.0.3:53 --responses 1 --stats 1s
  $ millrace forward udp://0.0.0.0:53 udp://10.0.0.2:5353 --proxy-protocol-out 2
  $ millrace forward udp://10.0.0.2:5353 udp://127.0.0.1:53 --proxy-protocol-in 10.0.0.1 --log
  $ millrace forward udp://0.0.0.0:7890-7900 udp://10.0.0.3:7890-7900 --max-flows-per-address 100
  $ millrace forward udp://0.0.0.0:7890-7900 udp://10.0.0.3:7890-7900 --offload nftables --stats 1s`

export function forwardCommand(): Command {
  const command = new Command('forward')
    .summary('forward a port, a range of ports or a unix socket to another')
    .description(
      'Accepts on LISTEN and relays every session to UPSTREAM. Both are tcp://HOST:PORT or unix:///PATH, or both udp://HOST:PORT; ' +
        'to listen, port 0 takes a free one. Several UPSTREAMs with commas between them are a set, of which each session goes to one. HOST:7890-7900 is a range of ports: to a range of the same length, port to port, or all to one port.',
    )
    .argument('<listen>', 'where to listen, such as tcp://127.0.0.1:8080 or udp://127.0.0.1:5353')
    .argument('<upstream>', 'where to connect, such as tcp://10.0.0.5:80 or udp://10.0.0.3:53')
  addOffload(addForwardOptions(command), 'nftables: the kernel relays by address translation, see `millrace help offload`; with --allow, --deny and --source-address only')
  return addRelayOptions(command)
    .addHelpText('after', examples)
    .action(async (listenAt: string, upstream: string, options: ForwardOptions) => {
      const pipeline = pipelineOf(endpoint('LISTEN', listenAt), endpoints('UPSTREAM', upstream), options)
      checkOffloadOption([pipeline], options)
      process.exitCode = await runRelay({ command: 'forward', start: startHere([pipeline]), options })
    })
}

function pipelineOf(from: AnyEndpoint, to: AnyEndpoints, options: ForwardOptions): AnyPipeline {
  if (from.kind === 'stream' && to.kind === 'stream') return streamForward(from, to.all, options)
  if (from.kind === 'datagram' && to.kind === 'datagram') return datagramForward(from, to.all, options)
  throw usage(`LISTEN is ${formatEndpoint(from.at)} and UPSTREAM is ${to.all.map(({ at }) => formatEndpoint(at)).join(', ')}: streams do not become datagrams, both have to be udp or neither`)
}

function streamForward(from: Endpoint<'stream'>, to: readonly Endpoint<'stream'>[], options: ForwardOptions): AnyPipeline {
  refuseOthers('stream', options, kindOfOption)
  const { balance, health, proxyProtocolOut, via } = options
  if (via !== undefined && one(to, balance, health) === undefined) throw usage('--via is for one UPSTREAM, without --balance and --health')
  const source = fromOption('LISTEN', () => listen(from))
  return fromOption('UPSTREAM', () => {
    const sink = forward(one(to, balance, health) ?? upstreams(to, { ...(balance === undefined ? {} : { balance }), ...(health === undefined ? {} : { health }) }), {
      ...connectingOf(options),
      ...(proxyProtocolOut === undefined ? {} : { proxyProtocol: proxyProtocolOut }),
    })
    return pipe(source, ...streamStagesOf(options), sink)
  })
}

function datagramForward(from: Endpoint<'datagram'>, to: readonly Endpoint<'datagram'>[], options: ForwardOptions): AnyPipeline {
  refuseOthers('datagram', options, kindOfOption)
  const { balance, responses, sourceAddress, receiveBuffer, maxFlows, maxFlowsPerAddress, proxyProtocolIn, proxyProtocolOut, proxyDialect } = options
  if (proxyDialect !== undefined && proxyProtocolIn === undefined && proxyProtocolOut === undefined) throw usage('--proxy-dialect is about the headers of --proxy-protocol-in and --proxy-protocol-out')
  if (proxyDialect === 'first' && proxyProtocolIn !== undefined && proxyProtocolOut !== undefined) throw usage('--proxy-dialect first is for --proxy-protocol-in or for --proxy-protocol-out, not for both: who is told once cannot tell anew')
  if (proxyProtocolOut === 1) throw usage('--proxy-protocol-out: for udp there is version 2, not 1')
  const source = fromOption('LISTEN', () =>
    listen(from, {
      ...(receiveBuffer === undefined ? {} : { receiveBufferBytes: receiveBuffer }),
      ...(maxFlows === undefined ? {} : { maxFlows }),
      ...(maxFlowsPerAddress === undefined ? {} : { maxFlowsPerAddress }),
    }))
  return fromOption('UPSTREAM', () => {
    const sink = forward(one(to, balance) ?? upstreams(to, balance === undefined ? {} : { balance }), {
      ...(responses === undefined ? {} : { responses }),
      ...(sourceAddress === undefined ? {} : { sourceAddress }),
      ...(proxyProtocolOut === undefined ? {} : { proxyProtocol: proxyProtocolOut }),
      ...(proxyProtocolOut === undefined || proxyDialect === undefined ? {} : { proxyDialect }),
    })
    return pipe(source, ...datagramStagesOf(options), sink)
  })
}

/** The endpoint that is alone, unless something is asked for that only a set has: a name may have several addresses. */
function one<K extends Kind>(to: readonly Endpoint<K>[], ...ofSets: readonly unknown[]): Endpoint<K> | undefined {
  return to.length === 1 && ofSets.every((option) => option === undefined) ? to[0] : undefined
}
