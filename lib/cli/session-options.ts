/** The options about sessions that `millrace forward` and the proxies have in common. Each is checked as it is typed, by the part of the library that it becomes. */
import type { Command } from 'commander'
import { tcp } from '../endpoint.ts'
import type { Kind } from '../part.ts'
import type { Stage } from '../pipe.ts'
import type { Via } from '../proxy/via.ts'
import { forward } from '../sinks/forward.ts'
import type { ForwardOptions } from '../sinks/forward.ts'
import { allow } from '../stages/allow.ts'
import { deny } from '../stages/deny.ts'
import { halfCloseTimeout } from '../stages/half-close-timeout.ts'
import { idleTimeout } from '../stages/idle-timeout.ts'
import { keepAlive } from '../stages/keep-alive.ts'
import { limit } from '../stages/limit.ts'
import { maxDuration } from '../stages/max-duration.ts'
import { proxyProtocol } from '../stages/proxy-protocol.ts'
import { throttle } from '../stages/throttle.ts'
import type { RelayOptions } from './relay-command.ts'
import { count, duration, rate, seconds } from './units.ts'
import { fromOption } from './usage.ts'
import { parseVia } from './via.ts'

/** The options as they are parsed: most are the stage that they stand for. */
export type SessionOptions = RelayOptions & {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly maxSessions?: Stage<Kind>
  readonly maxSessionsPerAddress?: Stage<Kind>
  readonly idleTimeout?: Stage<Kind>
  readonly maxDuration?: Stage<Kind>
  readonly throttle?: Stage<Kind>
  readonly sourceAddress?: readonly string[]

  readonly halfCloseTimeout?: Stage<'stream'>
  readonly keepAlive?: Stage<'stream'>
  readonly connectTimeout?: number
  readonly retries?: number
  readonly proxyProtocolIn?: readonly string[]
  readonly proxyDialect?: 'every' | 'first'
  readonly via?: readonly Via[]
}

// What `forward` takes is tried on some endpoint, so that a mistake is told of the option it is in.
const anyTcp = tcp('127.0.0.1:1')

/** Whom sessions may be from, how many there are, how long they last and how they are connected. */
export function addSessionOptions(command: Command): Command {
  command
    .option('--allow <cidr>', 'let only these addresses in (repeatable)', listFor('--allow', allow))
    .option('--deny <cidr>', 'keep these addresses out (repeatable)', listFor('--deny', deny))
  add(command, '--max-sessions <count>', 'sessions open at once', (option, text) => limit({ maxSessions: count(option, text, 1) }))
  add(command, '--max-sessions-per-address <count>', 'sessions open at once from one address', (option, text) =>
    limit({ maxSessionsPerAddress: count(option, text, 1) }))
  add(command, '--idle-timeout <duration>', 'end a session in which nothing moves (default: 1h, for udp: 60s)', (option, text) =>
    idleTimeout(duration(option, text)))
  add(command, '--max-duration <duration>', 'end every session after this time (default: never)', (option, text) => maxDuration(duration(option, text)))
  add(command, '--throttle <rate>', 'most bytes a second, for each session and direction, such as 10MB/s; what exceeds it waits, for udp it is dropped', (option, text) =>
    throttle({ bytesPerSecond: rate(option, text) }))
  add(command, '--source-address <addresses>', 'the local address to connect from, or several with commas between: in turn, and the next one where an address has no port left', (_, text) => {
    const sourceAddress = text.split(',')
    forward(anyTcp, { sourceAddress })
    return sourceAddress
  })
  add(command, '--half-close-timeout <duration>', 'tcp, unix: like --idle-timeout once one side has ended (default: 60s)', (option, text) =>
    halfCloseTimeout(duration(option, text)))
  add(command, '--keep-alive <duration>', 'tcp: keepalive probes after this much silence, in whole seconds', (option, text) =>
    keepAlive({ idleSeconds: seconds(option, text, 32_767) }))
  add(command, '--connect-timeout <duration>', 'tcp, unix: how long connecting may take, all attempts together (default: 5s)', (option, text) => {
    const connectTimeoutMs = duration(option, text)
    forward(anyTcp, { connectTimeoutMs })
    return connectTimeoutMs
  })
  add(command, '--retries <count>', 'tcp, unix: further attempts to connect (default: 2)', (option, text) => {
    const retries = count(option, text, 0)
    forward(anyTcp, { retries })
    return retries
  })
  command.option('--proxy-protocol-in <cidr>', 'proxies at these addresses say by PROXY headers whom they speak for, and have to; --allow, --deny and limits are then about that, and who comes from elsewhere is a client, its bytes unread (repeatable)',
    listFor('--proxy-protocol-in', (from) => proxyProtocol({ from: [from] })))
  command.option('--via <proxy>', 'tcp: go through this proxy, socks5://[USER:PASSWORD@]HOST:PORT or http://…, with what is not a letter or digit in USER and PASSWORD as %XX; repeated: through one to the next', (text: string, before: readonly Via[] | undefined) => {
    const via = [...(before ?? []), parseVia('--via', text)]
    fromOption('--via', () => forward(anyTcp, { via }))
    return via
  })
  return command
}

/** What fits both kinds, the cheapest refusals first. */
export function stagesOf(options: SessionOptions): readonly Stage<'stream' | 'datagram'>[] {
  const addresses = [options.deny && deny(...options.deny), options.allow && allow(...options.allow)]
  const { proxyProtocolIn, maxSessions, maxSessionsPerAddress, idleTimeout, maxDuration, throttle } = options
  const proxied = proxyProtocolIn && proxyProtocol({ from: proxyProtocolIn })
  return [proxied, ...addresses, maxSessions, maxSessionsPerAddress, idleTimeout, maxDuration, throttle].filter((stage) => stage !== undefined)
}

/** All stages of datagrams. */
export function datagramStagesOf(options: SessionOptions): readonly Stage<'datagram'>[] {
  const { proxyProtocolIn, proxyDialect, ...rest } = options
  if (proxyProtocolIn === undefined || proxyDialect !== 'first') return stagesOf(options)
  return [proxyProtocol({ from: proxyProtocolIn, dialect: proxyDialect }), ...stagesOf(rest)]
}

/** All stages of streams. */
export function streamStagesOf(options: SessionOptions): readonly Stage<'stream'>[] {
  const { halfCloseTimeout, keepAlive } = options
  return [...stagesOf(options), halfCloseTimeout, keepAlive].filter((stage) => stage !== undefined)
}

/** How streams are connected, as `forward` has it. */
export function connectingOf({ connectTimeout, retries, sourceAddress, via }: SessionOptions): Connecting {
  return {
    ...(connectTimeout === undefined ? {} : { connectTimeoutMs: connectTimeout }),
    ...(retries === undefined ? {} : { retries }),
    ...(sourceAddress === undefined ? {} : { sourceAddress }),
    ...(via === undefined ? {} : { via }),
  }
}

type Connecting = Pick<ForwardOptions, 'connectTimeoutMs' | 'retries' | 'sourceAddress' | 'via'>

/** Addresses of a repeatable option, each checked by the stage that will have them all. */
export function listFor(option: string, stage: (cidr: string) => unknown): (text: string, before?: readonly string[]) => readonly string[] {
  return (text, before = []) => {
    fromOption(option, () => stage(text))
    return [...before, text]
  }
}

/** An option whose text `make` checks and turns into what it stands for. */
export function add(command: Command, flags: string, description: string, make: (option: string, text: string) => unknown): void {
  const option = flags.replace(/ .*/, '')
  command.option(flags, description, (text: string) => fromOption(option, () => make(option, text)))
}
