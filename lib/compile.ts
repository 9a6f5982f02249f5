/**
 * From a pipeline to the plan that the addon runs and the handlers that stay here. Pure. Stages that only set something become no
 * node: what they say is merged along the path and stands in the sink.
 */
import type { AskHandler } from './ask.ts'
import { defaultDatagramSettings, defaultSettings } from './default-settings.ts'
import { endpointText, portCount } from './endpoint.ts'
import type { ChunkHandler, DatagramFilter, DatagramHandler, StreamSource } from './handlers.ts'
import { routeHead } from './head.ts'
import type { AnySink, AnyStage, Branch, Kind, Pipeline } from './part.ts'
import type { Plan, PlanEndpoint, PlanListener, PlanNode, PlanSet, PlanSettings } from './plan.ts'
import { hopsOf } from './proxy/via.ts'
import { upstreamNumber } from './upstreams/numbers.ts'
import type { MemberNames } from './upstreams/numbers.ts'

/** What `lib` knows about a node of the plan, at the same place. */
export type CompiledNode = {
  /** Its way through the pipeline: `route[1].when[0].forward[0]`. */
  readonly path: string
  readonly ask?: AskHandler
  readonly stream?: StreamSource
  readonly datagrams?: DatagramHandler
  /** In the order in which bytes meet them. */
  readonly toUpstream: readonly ChunkHandler[]
  readonly toDownstream: readonly ChunkHandler[]
  readonly filtersToUpstream: readonly DatagramFilter[]
  readonly filtersToDownstream: readonly DatagramFilter[]
  readonly highWaterBytes: number
  /** Where a forward goes, as it stands in events. */
  readonly upstream?: string
  /** The members of a set that it goes to. */
  readonly members?: MemberNames
}

type Handler = AskHandler | StreamSource | DatagramHandler

/** A plan and what belongs to it in JS. */
export type Compiled = {
  readonly plan: Plan
  /** One for each node of the plan. */
  readonly nodes: readonly CompiledNode[]
  /** The functions that the plan's `handler` numbers stand for. */
  readonly handlers: readonly Handler[]
  /** Names of the parts that run in JS, by their paths. */
  readonly jsPaths: readonly string[]
  readonly hasJs: boolean
  /** Of the plan's upstreams that are sets. */
  readonly sets: ReadonlyMap<number, MemberNames>
}

/** What has been gathered on the way to a place. */
type Way = {
  readonly path: string
  readonly settings: PlanSettings
  readonly toUpstream: readonly ChunkHandler[]
  readonly toDownstream: readonly ChunkHandler[]
  readonly filtersToUpstream: readonly DatagramFilter[]
  readonly filtersToDownstream: readonly DatagramFilter[]
}

const noHandlers = { toUpstream: [], toDownstream: [], filtersToUpstream: [], filtersToDownstream: [] }

/** Throws nothing: the parts have been checked when they were made. */
export function compile<K extends Kind>(pipeline: Pipeline<K>): Compiled {
  const { kind, source } = pipeline
  const { backlog, dualStack, receiveBufferBytes, sendBufferBytes, maxSegmentBytes, incomingCpu, maxFlows, maxFlowsPerAddress, generate } = source
  const build: Build = { kind, nodes: [], known: [], handlers: [], upstreams: [], sets: new Map(), jsPaths: [] }
  addChain(build, pipeline.chain, 0, { path: '', settings: kind === 'stream' ? defaultSettings : defaultDatagramSettings, ...noHandlers })
  const { nodes, known, handlers, upstreams, sets, jsPaths } = build
  const listen = source.listen.flatMap(listenersOf)
  const sockets = { backlog, dualStack, receiveBufferBytes, sendBufferBytes, maxSegmentBytes, incomingCpu }
  const plan = { kind, listen, ...sockets, maxFlows, maxFlowsPerAddress, generate, nodes, upstreams }
  return { plan, nodes: known, handlers, jsPaths, hasJs: jsPaths.length > 0, sets }
}

/** One listener a port. */
function listenersOf(at: PlanEndpoint): readonly PlanListener[] {
  if (at.net === 'unix') return [at]
  const { net, host, port } = at
  return Array.from({ length: portCount(at) }, (_, offset) => (offset === 0 ? { net, host, port } : { net, host, port: port + offset, offset }))
}

type Build = {
  readonly kind: Kind
  readonly nodes: PlanNode[]
  readonly known: CompiledNode[]
  readonly handlers: Handler[]
  readonly upstreams: (PlanEndpoint | PlanSet)[]
  readonly sets: Map<number, MemberNames>
  readonly jsPaths: string[]
}

/** Keeps the next place for a node whose followers have to be known first. */
function reserve(build: Build, known: CompiledNode): number {
  build.known.push(known)
  return build.nodes.push({ op: 'close' }) - 1
}

function addHandler(build: Build, handler: Handler): number {
  return build.handlers.push(handler) - 1
}

function knownAt(way: Way, path: string): CompiledNode {
  return { path, ...noHandlers, highWaterBytes: way.settings.highWaterBytes }
}

/** Adds what begins at the chain's stage `i`; returns its node. */
function addChain(build: Build, chain: Branch, i: number, way: Way): number {
  const stage = chain.stages[i]
  if (stage === undefined) return addSink(build, chain.sink, `${way.path}${chain.sink.name}[${i}]`, way)
  return addStage(build, stage, `${way.path}${stage.name}[${i}]`, way, (next) => addChain(build, chain, i + 1, next))
}

function addStage(build: Build, { body }: AnyStage, path: string, way: Way, goOn: (way: Way) => number): number {
  switch (body.step) {
    case 'allow':
    case 'deny': {
      const at = reserve(build, knownAt(way, path))
      build.nodes[at] = { op: body.step, ...body.networks, next: goOn(way) }
      return at
    }
    case 'limit': {
      const at = reserve(build, knownAt(way, path))
      const { maxSessions, maxSessionsPerAddress, newSessionsPerSecond } = body
      build.nodes[at] = { op: 'limit', maxSessions, maxSessionsPerAddress, newSessionsPerSecond, next: goOn(way) }
      return at
    }
    case 'proxyProtocol': {
      const at = reserve(build, knownAt(way, path))
      const { cidrs: from, ...files } = body.from
      build.nodes[at] = { op: 'proxyProtocol', from, ...files, mode: body.mode, dialect: body.dialect, head: body.head, next: goOn(way) }
      return at
    }
    case 'settings': {
      const own = build.kind === 'datagram' && body.ofDatagrams !== undefined ? body.ofDatagrams.settings : body.settings
      return goOn({ ...way, settings: { ...way.settings, ...own } })
    }
    case 'inspect':
    case 'decide': {
      const ask: AskHandler = body.step === 'inspect' ? { kind: 'inspect', handler: body.handler } : { kind: 'decide', handler: body.handler }
      build.jsPaths.push(path)
      const at = reserve(build, { ...knownAt(way, path), ask })
      const handler = addHandler(build, ask)
      build.nodes[at] = { op: 'ask', kind: body.step, handler, head: body.head, next: [goOn(way)] }
      return at
    }
    case 'transform': {
      build.jsPaths.push(path)
      const toUpstream = body.toUpstream === undefined ? way.toUpstream : [...way.toUpstream, body.toUpstream]
      const toDownstream = body.toDownstream === undefined ? way.toDownstream : [body.toDownstream, ...way.toDownstream]
      return goOn({ ...way, toUpstream, toDownstream })
    }
    case 'filterDatagrams': {
      build.jsPaths.push(path)
      const filtersToUpstream = body.toUpstream === undefined ? way.filtersToUpstream : [...way.filtersToUpstream, body.toUpstream]
      const filtersToDownstream = body.toDownstream === undefined ? way.filtersToDownstream : [body.toDownstream, ...way.filtersToDownstream]
      return goOn({ ...way, filtersToUpstream, filtersToDownstream })
    }
  }
}

function addSink(build: Build, { body }: AnySink, path: string, way: Way): number {
  switch (body.step) {
    case 'close':
    case 'reset': {
      const at = reserve(build, knownAt(way, path))
      build.nodes[at] = { op: body.step }
      return at
    }
    case 'echo': {
      // What comes back has gone both ways.
      const filtersToUpstream = [...way.filtersToUpstream, ...way.filtersToDownstream]
      return addEnd(build, path, { ...way, ...oneWay, toUpstream: [...way.toUpstream, ...way.toDownstream], filtersToUpstream }, (settings) => ({ op: 'echo', settings }))
    }
    case 'discard':
      return addEnd(build, path, { ...way, ...oneWay }, (settings) => ({ op: 'discard', settings }))
    case 'stun':
      return addEnd(build, path, { ...way, ...oneWay }, (settings) => ({ op: 'stun', ...body.options, settings }))
    case 'forward': {
      const { connectTimeoutMs, retries, sourceAddresses, responses, proxyProtocol, proxyDialect, via } = body
      const upstream = upstreamNumber(build, via[0]?.at ?? body.upstream)
      const hops = hopsOf(via, body.upstream.net === 'tcp' ? body.upstream : undefined)
      const at = addEnd(build, path, way, (settings) => ({ op: 'forward', upstream, connectTimeoutMs, retries, sourceAddresses, responses, proxyProtocol, proxyDialect, hops, settings }))
      const where = body.upstream.net === 'set' ? { members: build.sets.get(upstream) ?? new Map() } : { upstream: endpointText(body.upstream) }
      build.known[at] = { ...knownAt(way, path), ...build.known[at], ...where }
      return at
    }
    case 'negotiate': {
      const at = reserve(build, knownAt(way, path))
      const next = body.branches.map(({ name, chain }) => addChain(build, chain, 0, { ...way, path: `${path}.${name}.` }))
      build.nodes[at] = { op: 'negotiate', dialect: body.dialect, users: body.users, head: body.head, next }
      return at
    }
    case 'destination': {
      const { rules, udp, connectTimeoutMs, retries, sourceAddresses, via } = body
      const [first] = via
      const upstream = first === undefined ? 0 : upstreamNumber(build, first.at)
      return addEnd(build, path, way, (settings) => ({ op: 'destination', rules, udp, upstream, connectTimeoutMs, retries, sourceAddresses, hops: hopsOf(via, undefined), settings }))
    }
    case 'stream': {
      // Its bytes are in JS anyway, so its transforms are called there and not by the addon.
      build.jsPaths.push(path)
      const at = reserve(build, { ...knownAt(way, path), stream: body.source, toUpstream: way.toUpstream, toDownstream: way.toDownstream })
      build.nodes[at] = { op: 'stream', handler: addHandler(build, body.source), settings: way.settings }
      return at
    }
    case 'datagrams': {
      // So are its datagrams, and its filters.
      build.jsPaths.push(path)
      const { filtersToUpstream } = way
      const at = reserve(build, { ...knownAt(way, path), datagrams: body.handler, filtersToUpstream })
      build.nodes[at] = { op: 'datagrams', handler: addHandler(build, body.handler), settings: way.settings }
      return at
    }
    case 'route': {
      const at = reserve(build, knownAt(way, path))
      const when = body.when.map(({ matcher, chain }, i) => ({ matcher: matcher.plan, next: addChain(build, chain, 0, { ...way, path: `${path}.when[${i}].` }) }))
      const otherwise = addChain(build, body.otherwise, 0, { ...way, path: `${path}.otherwise.` })
      build.nodes[at] = { op: 'route', head: routeHead, when, otherwise }
      return at
    }
    case 'choose': {
      const ask: AskHandler = { kind: 'choose', handler: body.handler, names: body.branches.map(({ name }) => name) }
      build.jsPaths.push(path)
      const at = reserve(build, { ...knownAt(way, path), ask })
      const handler = addHandler(build, ask)
      const next = body.branches.map(({ name, chain }) => addChain(build, chain, 0, { ...way, path: `${path}.${name}.` }))
      build.nodes[at] = { op: 'ask', kind: 'choose', handler, head: body.head, next }
      return at
    }
  }
}

/** Nothing comes back from an upstream. */
const oneWay = { toDownstream: [], filtersToDownstream: [] }

/** A native sink, whose chunks or datagrams go through JS where there are transforms or filters. */
function addEnd(build: Build, path: string, way: Way, nodeOf: (settings: PlanSettings) => PlanNode): number {
  const { toUpstream, toDownstream, filtersToUpstream, filtersToDownstream } = way
  const at = reserve(build, { ...knownAt(way, path), toUpstream, toDownstream, filtersToUpstream, filtersToDownstream })
  const transformToUpstream = toUpstream.length + filtersToUpstream.length > 0
  const transformToDownstream = toDownstream.length + filtersToDownstream.length > 0
  build.nodes[at] = nodeOf({ ...way.settings, transformToUpstream, transformToDownstream })
  return at
}
