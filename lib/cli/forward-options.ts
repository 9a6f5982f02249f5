/** The options of `millrace forward`. Each is checked as it is typed, by the part of the library that it becomes. */
import type { Command } from 'commander'
import { tcp, udp } from '../endpoint.ts'
import type { Kind } from '../part.ts'
import { listen } from '../pipe.ts'
import type { Stage } from '../pipe.ts'
import { forward } from '../sinks/forward.ts'
import { allow } from '../stages/allow.ts'
import { deny } from '../stages/deny.ts'
import { halfCloseTimeout } from '../stages/half-close-timeout.ts'
import { idleTimeout } from '../stages/idle-timeout.ts'
import { keepAlive } from '../stages/keep-alive.ts'
import { limit } from '../stages/limit.ts'
import { maxDuration } from '../stages/max-duration.ts'
import { proxyProtocol } from '../stages/proxy-protocol.ts'
import { throttle } from '../stages/throttle.ts'
import { addReceiveBuffer } from './receive-buffer.ts'
import type { RelayOptions } from './relay-command.ts'
import { count, duration, rate, seconds } from './units.ts'
import { fromOption, usage } from './usage.ts'

/** The options as they are parsed: most are the stage that they stand for. */
export type ForwardOptions = RelayOptions & {
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
  readonly proxyProtocolOut?: 1 | 2

  readonly responses?: number
  readonly maxFlows?: number
  readonly maxFlowsPerAddress?: number
}

/** Those that are for one kind of endpoint only. */
export const kindOfOption: Readonly<Record<string, Kind>> = {
  '--half-close-timeout': 'stream',
  '--keep-alive': 'stream',
  '--connect-timeout': 'stream',
  '--retries': 'stream',
  '--proxy-protocol-in': 'stream',
  '--proxy-protocol-out': 'stream',
  '--responses': 'datagram',
  '--max-flows': 'datagram',
  '--max-flows-per-address': 'datagram',
  '--receive-buffer': 'datagram',
}

// What `listen` and `forward` take is tried on some endpoint, so that a mistake is told of the option it is in.
const [anyTcp, anyUdp] = [tcp('127.0.0.1:1'), udp('127.0.0.1:1')]

export function addForwardOptions(command: Command): Command {
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
  addForStreams(command)
  addForDatagrams(command)
  return command
}

function addForStreams(command: Command): void {
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
  command.option('--proxy-protocol-in <cidr>', 'tcp: proxies at these addresses say by a PROXY header whom they speak for, and have to (repeatable)',
    listFor('--proxy-protocol-in', (from) => proxyProtocol({ from: [from] })))
  add(command, '--proxy-protocol-out <version>', 'tcp, unix: tell the upstream by a PROXY header, version 1 or 2, whom a session is from', (option, text) => {
    const version = count(option, text, 1)
    if (version !== 1 && version !== 2) throw usage(`${option}: there are the versions 1 and 2, not ${text}`)
    return version
  })
}

function addForDatagrams(command: Command): void {
  add(command, '--responses <count>', 'udp: end a flow once each of its datagrams has this many replies, 1 for DNS (default: 0, never)', (option, text) => {
    const responses = count(option, text, 0)
    forward(anyUdp, { responses })
    return responses
  })
  add(command, '--max-flows <count>', 'udp: flows open at once; the oldest unreplied one makes room (default: 65536)', (option, text) => {
    const maxFlows = count(option, text, 1)
    listen(anyUdp, { maxFlows })
    return maxFlows
  })
  add(command, '--max-flows-per-address <count>', 'udp: flows open at once from one address (default: as --max-flows)', (option, text) => {
    const maxFlowsPerAddress = count(option, text, 1)
    listen(anyUdp, { maxFlowsPerAddress })
    return maxFlowsPerAddress
  })
  addReceiveBuffer(command)
}

/** Addresses of a repeatable option, each checked by the stage that will have them all. */
function listFor(option: string, stage: (cidr: string) => unknown): (text: string, before?: readonly string[]) => readonly string[] {
  return (text, before = []) => {
    fromOption(option, () => stage(text))
    return [...before, text]
  }
}

/** An option whose text `make` checks and turns into what it stands for. */
function add(command: Command, flags: string, description: string, make: (option: string, text: string) => unknown): void {
  const option = flags.replace(/ .*/, '')
  command.option(flags, description, (text: string) => fromOption(option, () => make(option, text)))
}
