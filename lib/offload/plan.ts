/**
 * What of a pipeline the kernel can do by itself: `listen`, `allow`, `deny` and `forward`, port to port. Everything else is refused by its
 * name before anything is loaded, so that no stage is quietly left out. Pure.
 */
import { refuse } from '../chain.ts'
import { formatEndpoint, tcp, udp } from '../endpoint.ts'
import type { AnySink, AnyStage, Kind, Pipeline, SinkBody, Source } from '../part.ts'
import { listen, pipe } from '../pipe.ts'
import type { PlanEndpoint } from '../plan.ts'
import { close } from '../sinks/close.ts'
import { forward } from '../sinks/forward.ts'

/** An endpoint with ports. */
export type IpEndpoint = Exclude<PlanEndpoint, { readonly net: 'unix' }>

/** A stage `allow` or `deny`. */
export type Gate = { readonly step: 'allow' | 'deny'; readonly cidrs: readonly string[] }

/** A pipeline that the kernel can run, with the names that are in it. */
export type OffloadPlan = {
  readonly kind: Kind
  readonly net: 'tcp' | 'udp'
  readonly listen: readonly IpEndpoint[]
  readonly dualStack: boolean
  readonly gates: readonly Gate[]
  readonly upstream: IpEndpoint
  readonly sourceAddresses: readonly string[]
  /** Of the forward, as in sessions: `forward[1]`. */
  readonly path: string
}

/** Throws ERR_MILLRACE_BAD_PIPELINE that begins with the node that cannot be offloaded. */
export function offloadPlan({ kind, source, chain }: Pipeline<Kind>): OffloadPlan {
  const listenAt = listenersOf(source)
  const gates = chain.stages.map((stage, i) => gateOf(stage, `${stage.name}[${i}]`))
  const path = `${chain.sink.name}[${chain.stages.length}]`
  const { upstream, sourceAddresses } = forwardOf(chain.sink, path)
  return { kind, net: kind === 'stream' ? 'tcp' : 'udp', listen: listenAt, dualStack: source.dualStack, gates, upstream, sourceAddresses, path }
}

function cannot(node: string, why: string): Error {
  return refuse(node, `cannot be offloaded to nftables: ${why}`)
}

function listenersOf(source: Source<Kind>): readonly IpEndpoint[] {
  if (source.generate !== null) throw cannot('generate', 'the kernel makes no datagrams')
  const usual = usualOf(source.kind).source
  for (const name of ['backlog', 'receiveBufferBytes', 'sendBufferBytes', 'maxSegmentBytes', 'incomingCpu', 'maxFlows', 'maxFlowsPerAddress'] as const) {
    if (source[name] !== usual[name]) throw cannot('listen', `${name} is about sockets and flows of millrace, and there are none; leave it out`)
  }
  return source.listen.map((at) => {
    if (at.net === 'unix') throw cannot('listen', `${formatEndpoint(at)} is no port`)
    if (at.port === 0) throw cannot('listen', `${formatEndpoint(at)} takes a free port, but a rule needs its number: expected 1 to 65535`)
    return withoutScope('listen', at)
  })
}

function gateOf({ body }: AnyStage, path: string): Gate {
  switch (body.step) {
    case 'allow':
    case 'deny':
      if (body.networks.files !== undefined) throw cannot(path, 'nobody would read its file again; write the networks themselves')
      return { step: body.step, cidrs: body.networks.cidrs }
    case 'settings':
      throw cannot(path, 'it is about the bytes and the timers of millrace, and conntrack has its own')
    case 'proxyProtocol':
      throw cannot(path, 'the kernel reads no header of a proxy')
    case 'limit':
      throw cannot(path, 'the kernel counts no sessions of a pipeline')
    case 'inspect':
    case 'decide':
    case 'transform':
    case 'filterDatagrams':
      throw cannot(path, 'it is in JS')
  }
}

type Forward = Extract<SinkBody, { readonly step: 'forward' }>

function forwardOf({ body, name }: AnySink, path: string): { readonly upstream: IpEndpoint; readonly sourceAddresses: readonly string[] } {
  if (body.step !== 'forward') throw cannot(path, `${name} is not forward, the only sink that the kernel has`)
  if (body.upstream.net === 'set') throw cannot(path, 'it goes to a set of upstreams, and a rule neither checks members nor chooses among them; forward to one endpoint')
  if (body.upstream.net === 'unix') throw cannot(path, `${formatEndpoint(body.upstream)} is no port`)
  if (body.via.length > 0) throw cannot(path, 'via needs somebody to speak with the proxy, which the kernel does not; leave it out')
  const usual = usualOf(body.upstream.net === 'tcp' ? 'stream' : 'datagram').forward
  for (const [option, why] of Object.entries(notInKernel)) {
    if (isOption(option) && body[option] !== usual[option]) throw cannot(path, `${option} ${why}; leave it out`)
  }
  const scoped = body.sourceAddresses.find((source) => source.includes('%'))
  if (scoped !== undefined) throw cannot(path, `sourceAddress ${scoped} has a scope, and a rule knows no scopes`)
  return { upstream: withoutScope(path, body.upstream), sourceAddresses: body.sourceAddresses }
}

/** The client's own TCP connects and tries again, end to end. */
const notInKernel = {
  connectTimeoutMs: 'is about connecting, which the client itself does',
  retries: 'is about connecting, which the client itself does',
  responses: 'needs answers to be counted, flow by flow',
  proxyProtocol: 'puts a header before what is sent, which the kernel does not',
  proxyDialect: 'is about headers, which the kernel does not write',
} as const satisfies Readonly<Record<Exclude<keyof Forward, 'step' | 'upstream' | 'sourceAddresses' | 'via'>, string>>

function isOption(name: string): name is keyof typeof notInKernel {
  return name in notInKernel
}

function withoutScope(node: string, at: IpEndpoint): IpEndpoint {
  if (at.host.includes('%')) throw cannot(node, `${formatEndpoint(at)} has a scope, and a rule knows no scopes`)
  return at
}

/** What the parts say where nothing was asked for. */
function usualOf(kind: Kind): { readonly source: Source<Kind>; readonly forward: Forward } {
  const [pipeline, sink] = kind === 'stream' ? [pipe(listen(tcp('127.0.0.1:1')), close()), forward(tcp('127.0.0.1:1'))] : [pipe(listen(udp('127.0.0.1:1')), close()), forward(udp('127.0.0.1:1'))]
  if (sink.body.step !== 'forward') throw new Error('forward is a forward')
  return { source: pipeline.source, forward: sink.body }
}
