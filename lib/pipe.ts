/** A pipeline: a source, stages, a sink. */
import { chainOf, hasRole, refuse } from './chain.ts'
import { formatEndpoint, portCount } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { misuse } from './errors.ts'
import { checkFits } from './fits.ts'
import { checkBoolean, checkInteger, checkNames, shown } from './options.ts'
import type { Chain, Kind, Pipeline, Source } from './part.ts'
import { maxListeners } from './plan.ts'
import type { PlanEndpoint } from './plan.ts'

export type { Matcher, Pipeline, Sink, Source, Stage } from './part.ts'

/** The options of `listen`. */
export type ListenOptions = {
  /** Streams: sessions that may wait in the kernel to be accepted, 1 to 65535; default 511. See listen(2). */
  readonly backlog?: number
  /** Whether `[::]` takes IPv4 too; default true. See IPV6_V6ONLY in ipv6(7). */
  readonly dualStack?: boolean
  /**
   * Receive buffer to ask of the kernel, 4096 to 1073741824. Datagrams: of each socket, default 8388608. Streams: of each session's
   * downstream, default what the kernel finds right by itself, which it does no more once a size is given. Without CAP_NET_ADMIN the kernel gives at most net.core.rmem_max,
   * see SO_RCVBUF in socket(7); `server.addresses` tells what UDP sockets got.
   */
  readonly receiveBufferBytes?: number
  /** Send buffer to ask of the kernel, in the same way, 4096 to 1073741824. Datagrams: default 4194304. See SO_SNDBUF in socket(7). */
  readonly sendBufferBytes?: number
  /** Streams over TCP: largest segment, 88 to 32767 bytes; default what the path's MTU gives. For tunnels that lose what is larger. See TCP_MAXSEG in tcp(7). */
  readonly maxSegmentBytes?: number
  /**
   * Prefers these sockets for what this CPU receives, 0 to 8191, where several servers listen at the same address with `reusePort`; the shards
   * of one server have `steer`. Default none. See SO_INCOMING_CPU in socket(7).
   */
  readonly incomingCpu?: number
  /** Datagrams: flows at once, 1 to 1048576; default 65536. A new flow over it takes the place of the oldest that nobody has answered; where all have been, it is refused. */
  readonly maxFlows?: number
  /** Datagrams: flows at once from one address, which is that of the downstream that a proxy speaks for, 1 to 1048576; default no limit. */
  readonly maxFlowsPerAddress?: number
}

/** What the options of one kind are for, so that one of the other is refused with a reason. */
const only = {
  backlog: ['stream', 'the queue of sessions that wait to be accepted'],
  maxSegmentBytes: ['stream', 'the segments of TCP'],
  maxFlows: ['datagram', 'the flows of UDP peers'],
  maxFlowsPerAddress: ['datagram', 'the flows of UDP peers'],
} as const
const names = ['backlog', 'dualStack', 'receiveBufferBytes', 'sendBufferBytes', 'maxSegmentBytes', 'incomingCpu', 'maxFlows', 'maxFlowsPerAddress'] as const

/**
 * Where a pipeline's sessions come from: one endpoint or several of the same kind, each port once. With `udp` a session is a flow: what
 * comes from one address and port to one listener, and behind `proxyProtocol` for one downstream and where that has sent to, until nothing has come for its idle timeout.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and, for no endpoint, two kinds or one port twice, ERR_MILLRACE_BAD_PIPELINE.
 */
export function listen<K extends Kind>(endpoints: Endpoint<K> | readonly Endpoint<K>[], options: ListenOptions = {}): Source<K> {
  checkNames('listen', options, names)
  const list = isList(endpoints) ? endpoints : [endpoints]
  const [first] = list
  if (first === undefined) throw refuse('listen', 'expected at least one endpoint')
  const wrong = list.find((endpoint) => !hasRole(endpoint, 'endpoint'))
  if (wrong !== undefined) throw refuse('listen', `expected an endpoint such as tcp("127.0.0.1:8080"), not ${shown(wrong)}`)
  const { kind } = first
  const listenAt = list.map(({ at }) => at)
  const other = list.find((endpoint) => endpoint.kind !== kind)
  if (other !== undefined) throw refuse('listen', `expected endpoints of one kind, not ${formatEndpoint(first.at)} and ${formatEndpoint(other.at)}: make a pipeline for each`)
  checkPorts(listenAt)
  return { role: 'source', name: 'listen', shows: listenAt.map(formatEndpoint).join(', '), kind, listen: listenAt, ...checkOptions(kind, options), generate: null }
}

function checkOptions(kind: Kind, options: ListenOptions): Pick<Source<Kind>, (typeof names)[number]> {
  for (const [name, [of, what]] of Object.entries(only)) {
    if (of === kind || !(name in options)) continue
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'listen', `${name} is for ${of}s: it is about ${what}, and this is a source of ${kind}s`)
  }
  const { backlog = 511, dualStack = true, receiveBufferBytes, sendBufferBytes, maxSegmentBytes, incomingCpu, maxFlows = 65_536, maxFlowsPerAddress } = options
  checkInteger('listen', 'backlog', backlog, { least: 1, most: 65_535, unit: 'sessions' })
  checkBoolean('listen', 'dualStack', dualStack)
  const ofBuffers = { least: 4_096, most: 1_073_741_824, unit: 'bytes' }
  if (receiveBufferBytes !== undefined) checkInteger('listen', 'receiveBufferBytes', receiveBufferBytes, ofBuffers)
  if (sendBufferBytes !== undefined) checkInteger('listen', 'sendBufferBytes', sendBufferBytes, ofBuffers)
  if (maxSegmentBytes !== undefined) checkInteger('listen', 'maxSegmentBytes', maxSegmentBytes, { least: 88, most: 32_767, unit: 'bytes' })
  if (incomingCpu !== undefined) checkInteger('listen', 'incomingCpu', incomingCpu, { least: 0, most: 8_191, unit: '' })
  checkInteger('listen', 'maxFlows', maxFlows, { least: 1, most: 1_048_576, unit: 'flows' })
  if (maxFlowsPerAddress !== undefined) checkInteger('listen', 'maxFlowsPerAddress', maxFlowsPerAddress, { least: 1, most: 1_048_576, unit: 'flows' })
  const both = { backlog, dualStack, sendBufferBytes: sendBufferBytes ?? 0, maxSegmentBytes: maxSegmentBytes ?? 0, incomingCpu: incomingCpu ?? -1 }
  if (kind === 'stream') return { ...both, receiveBufferBytes: receiveBufferBytes ?? 0, maxFlows: 0, maxFlowsPerAddress: 0 }
  return { ...both, receiveBufferBytes: receiveBufferBytes ?? 8_388_608, maxFlows, maxFlowsPerAddress: maxFlowsPerAddress ?? 0 }
}

/** Every port can be bound once, and so many sockets have a number in events. Port 0 is another one each time. */
function checkPorts(list: readonly PlanEndpoint[]): void {
  const ports = list.reduce((sum, at) => sum + portCount(at), 0)
  if (ports > maxListeners) throw refuse('listen', `these are ${ports} ports, but a pipeline listens to at most ${maxListeners}`)
  for (const [i, at] of list.entries()) {
    const twin = list.slice(i + 1).find((other) => overlap(at, other))
    if (twin === undefined) continue
    const what = formatEndpoint(at) === formatEndpoint(twin) ? `${formatEndpoint(at)} stands there twice` : `${formatEndpoint(at)} and ${formatEndpoint(twin)} overlap`
    throw refuse('listen', `${what}, but each ${at.net === 'unix' ? 'path' : 'port'} can be listened to once`)
  }
}

function overlap(a: PlanEndpoint, b: PlanEndpoint): boolean {
  if (a.net === 'unix' || b.net === 'unix') return a.net === 'unix' && b.net === 'unix' && a.path === b.path
  return a.host === b.host && a.port > 0 && a.port <= (b.lastPort ?? b.port) && b.port <= (a.lastPort ?? a.port)
}

/** `Array.isArray` that knows readonly arrays. */
function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}

/**
 * Makes a pipeline: what the source brings goes through the stages, in order, into the sink. Plain data; nothing is opened.
 * A forward to a range of ports needs ranges of the same length to listen to.
 * Throws ERR_MILLRACE_BAD_PIPELINE for a part that is misplaced or does not fit the source, and ERR_MILLRACE_OPEN_PROXY for a proxy that everybody could use.
 */
export function pipe<K extends Kind, const Parts extends readonly unknown[]>(source: Source<K>, ...parts: Chain<NoInfer<K>, Parts>): Pipeline<K> {
  if (!hasRole(source, 'source')) throw refuse('pipe', `expected listen(…) or generate(…) first, not ${shown(source)}`)
  const chain = chainOf('pipe', parts)
  checkFits(source, chain)
  return { role: 'pipeline', kind: source.kind, source, chain }
}

/** Whether a value was made by `pipe`; its `kind` tells of what. */
export function isPipeline(value: unknown): value is Pipeline<'stream'> | Pipeline<'datagram'> {
  return hasRole(value, 'pipeline') && typeof value === 'object' && value !== null && 'kind' in value && (value.kind === 'stream' || value.kind === 'datagram')
}
