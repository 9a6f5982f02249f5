/** The options of `millrace forward`. Each is checked as it is typed, by the part of the library that it becomes. */
import type { Command } from 'commander'
import type { HealthCheck } from '../checks/check.ts'
import { tcpCheck } from '../checks/tcp-check.ts'
import { udp } from '../endpoint.ts'
import type { Kind } from '../part.ts'
import { listen } from '../pipe.ts'
import type { PlanBalance } from '../plan.ts'
import { forward } from '../sinks/forward.ts'
import { balances } from '../upstreams/upstreams.ts'
import { addReceiveBuffer } from './receive-buffer.ts'
import { add, addSessionOptions } from './session-options.ts'
import type { SessionOptions } from './session-options.ts'
import { count } from './units.ts'
import { usage } from './usage.ts'

/** The options as they are parsed. */
export type ForwardOptions = SessionOptions & {
  readonly balance?: PlanBalance
  readonly health?: HealthCheck<'stream'>
  readonly proxyProtocolOut?: 1 | 2

  readonly responses?: number
  readonly maxFlows?: number
  readonly maxFlowsPerAddress?: number
}

/** Those that are for one kind of endpoint only. */
export const kindOfOption: Readonly<Record<string, Kind>> = {
  '--health': 'stream',
  '--half-close-timeout': 'stream',
  '--keep-alive': 'stream',
  '--connect-timeout': 'stream',
  '--retries': 'stream',
  '--via': 'stream',
  '--proxy-dialect': 'datagram',
  '--responses': 'datagram',
  '--max-flows': 'datagram',
  '--max-flows-per-address': 'datagram',
  '--receive-buffer': 'datagram',
}

// What `listen` and `forward` take is tried on some endpoint, so that a mistake is told of the option it is in.
const anyUdp = udp('127.0.0.1:1')

export function addForwardOptions(command: Command): Command {
  addSessionOptions(command)
  add(command, '--balance <how>', `how one of several upstreams is chosen: ${balances.join(', ')} (default: roundRobin)`, (option, text) => {
    const balance = balances.find((one) => one === text)
    if (balance === undefined) throw usage(`${option}: expected ${balances.join(', ')}, not "${text}"`)
    return balance
  })
  add(command, '--proxy-protocol-out <version>', 'tell the upstream by a PROXY header, version 1 or 2, for udp 2, whom a session is from', (option, text) => {
    const version = count(option, text, 1)
    if (version !== 1 && version !== 2) throw usage(`${option}: there are the versions 1 and 2, not ${text}`)
    return version
  })
  addForStreams(command)
  addForDatagrams(command)
  return command
}

function addForStreams(command: Command): void {
  add(command, '--health <check>', 'tcp, unix: keep sessions away from upstreams that a check finds down; tcp: they can be connected to, every 2 s', (option, text) => {
    if (text !== 'tcp') throw usage(`${option}: there is the check tcp, not "${text}"`)
    return tcpCheck()
  })
}

function addForDatagrams(command: Command): void {
  add(command, '--proxy-dialect <which>', 'udp: which datagrams of a flow have a PROXY header: every or first (default: every); the other side has to have the same, or headers arrive as payload', (option, text) => {
    if (text !== 'every' && text !== 'first') throw usage(`${option}: expected every or first, not "${text}"`)
    return text
  })
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
