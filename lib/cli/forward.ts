/** `millrace forward LISTEN UPSTREAM`: a port-forward with everything a stage can say, as options. */
import { Command } from 'commander'
import { parseEndpoint, tcp } from '../endpoint.ts'
import { listen, pipe } from '../pipe.ts'
import type { Sink, Stage } from '../pipe.ts'
import { forward } from '../sinks/forward.ts'
import { allow } from '../stages/allow.ts'
import { deny } from '../stages/deny.ts'
import { halfCloseTimeout } from '../stages/half-close-timeout.ts'
import { idleTimeout } from '../stages/idle-timeout.ts'
import { keepAlive } from '../stages/keep-alive.ts'
import { limit } from '../stages/limit.ts'
import { maxDuration } from '../stages/max-duration.ts'
import { throttle } from '../stages/throttle.ts'
import { addRelayOptions, runRelay } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import { count, duration, rate, seconds } from './units.ts'
import { fromOption } from './usage.ts'

/** The options as they are parsed: most are the stage that they stand for. */
type ForwardOptions = RelayOptions & {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly maxSessions?: Stage<'stream'>
  readonly maxSessionsPerAddress?: Stage<'stream'>
  readonly idleTimeout?: Stage<'stream'>
  readonly halfCloseTimeout?: Stage<'stream'>
  readonly maxDuration?: Stage<'stream'>
  readonly throttle?: Stage<'stream'>
  readonly keepAlive?: Stage<'stream'>
  readonly connectTimeout?: number
  readonly retries?: number
  readonly sourceAddress?: string
}

const examples = `
Examples:
  $ millrace forward tcp://127.0.0.1:8080 tcp://10.0.0.5:80
  $ millrace forward tcp://0.0.0.0:5432 tcp://db.internal:5432 --allow 10.0.0.0/8 --max-sessions 200 --stats 1s
  $ millrace forward unix:///run/app.sock tcp://10.0.0.5:80 --idle-timeout 5m --throttle 10MB/s
  $ millrace forward tcp://[::1]:0 unix:///run/app.sock --json | jq .`

export function forwardCommand(): Command {
  const command = new Command('forward')
    .summary('forward a port or a unix socket to another')
    .description('Accepts on LISTEN and relays every session to UPSTREAM. Both are tcp://HOST:PORT or unix:///PATH; to listen, port 0 takes a free one.')
    .argument('<listen>', 'where to listen, such as tcp://127.0.0.1:8080')
    .argument('<upstream>', 'where to connect, such as tcp://10.0.0.5:80')
    .option('--allow <cidr>', 'let only these addresses in (repeatable)', listFor('--allow', allow))
    .option('--deny <cidr>', 'keep these addresses out (repeatable)', listFor('--deny', deny))
  addStage(command, '--max-sessions <count>', 'sessions open at once', (option, text) => limit({ maxSessions: count(option, text, 1) }))
  addStage(command, '--max-sessions-per-address <count>', 'sessions open at once from one address', (option, text) =>
    limit({ maxSessionsPerAddress: count(option, text, 1) }))
  addStage(command, '--idle-timeout <duration>', 'end a session in which nothing moves (default: 1h)', (option, text) => idleTimeout(duration(option, text)))
  addStage(command, '--half-close-timeout <duration>', 'the same once one side has ended (default: 60s)', (option, text) =>
    halfCloseTimeout(duration(option, text)))
  addStage(command, '--max-duration <duration>', 'end every session after this time (default: never)', (option, text) => maxDuration(duration(option, text)))
  addStage(command, '--throttle <rate>', 'most bytes a second, for each session and direction, such as 10MB/s', (option, text) =>
    throttle({ bytesPerSecond: rate(option, text) }))
  addStage(command, '--keep-alive <duration>', 'TCP keepalive probes after this much silence, in whole seconds', (option, text) =>
    keepAlive({ idleSeconds: seconds(option, text, 32_767) }))
  // What `forward` itself takes is tried on some endpoint, so that a mistake is told of the option it is in.
  command
    .option('--connect-timeout <duration>', 'how long connecting may take, all attempts together (default: 5s)', (text) => {
      const connectTimeoutMs = duration('--connect-timeout', text)
      fromOption('--connect-timeout', () => forward(anywhere, { connectTimeoutMs }))
      return connectTimeoutMs
    })
    .option('--retries <count>', 'further attempts to connect (default: 2)', (text) => {
      const retries = count('--retries', text, 0)
      fromOption('--retries', () => forward(anywhere, { retries }))
      return retries
    })
    .option('--source-address <address>', 'the local address to connect from', (sourceAddress) => {
      fromOption('--source-address', () => forward(anywhere, { sourceAddress }))
      return sourceAddress
    })
  return addRelayOptions(command)
    .addHelpText('after', examples)
    .action(async (listenAt: string, upstream: string, options: ForwardOptions) => {
      const source = fromOption('LISTEN', () => listen(parseEndpoint(listenAt)))
      const sink = fromOption('UPSTREAM', () => sinkTo(upstream, options))
      process.exitCode = await runRelay({ command: 'forward', pipelines: [pipe(source, ...stagesOf(options), sink)], options })
    })
}

const anywhere = tcp('127.0.0.1:1')

/** Addresses of a repeatable option, each checked by the stage that will have them all. */
function listFor(option: string, stage: (cidr: string) => unknown): (text: string, before?: readonly string[]) => readonly string[] {
  return (text, before = []) => {
    fromOption(option, () => stage(text))
    return [...before, text]
  }
}

/** An option whose value is a stage. */
function addStage(command: Command, flags: string, description: string, make: (option: string, text: string) => Stage<'stream'>): void {
  const option = flags.replace(/ .*/, '')
  command.option(flags, description, (text: string) => fromOption(option, () => make(option, text)))
}

/** The cheapest refusals first. */
function stagesOf(options: ForwardOptions): readonly Stage<'stream'>[] {
  const { maxSessions, maxSessionsPerAddress, keepAlive: probes, throttle: rates } = options
  const addresses = [options.deny && deny(...options.deny), options.allow && allow(...options.allow)]
  return [...addresses, maxSessions, maxSessionsPerAddress, options.idleTimeout, options.halfCloseTimeout, options.maxDuration, rates, probes].filter(
    (stage) => stage !== undefined,
  )
}

function sinkTo(upstream: string, { connectTimeout, retries, sourceAddress }: ForwardOptions): Sink<'stream'> {
  return forward(parseEndpoint(upstream), {
    ...(connectTimeout === undefined ? {} : { connectTimeoutMs: connectTimeout }),
    ...(retries === undefined ? {} : { retries }),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
  })
}
