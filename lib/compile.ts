/**
 * From a pipeline to the plan that the addon runs and the handlers that stay here. Pure. Stages that only set something become no
 * node: what they say is merged along the path and stands in the sink.
 */
import { endpointText } from './endpoint.ts'
import type { AskHandler } from './ask.ts'
import type { ChunkHandler, StreamSource } from './handlers.ts'
import { routeHead } from './head.ts'
import type { AnySink, AnyStage, Branch, Kind, Pipeline } from './part.ts'
import type { Plan, PlanEndpoint, PlanNode, PlanSettings } from './plan.ts'

/** What `lib` knows about a node of the plan, at the same place. */
export type CompiledNode = {
  /** Its way through the pipeline: `route[1].when[0].forward[0]`. */
  readonly path: string
  readonly ask?: AskHandler
  readonly stream?: StreamSource
  /** In the order in which bytes meet them. */
  readonly toUpstream: readonly ChunkHandler[]
  readonly toDownstream: readonly ChunkHandler[]
  readonly highWaterBytes: number
  /** Where a forward goes, as it stands in events. */
  readonly upstream?: string
}

/** A plan and what belongs to it in JS. */
export type Compiled = {
  readonly plan: Plan
  /** One for each node of the plan. */
  readonly nodes: readonly CompiledNode[]
  /** The functions that the plan's `handler` numbers stand for. */
  readonly handlers: readonly (AskHandler | StreamSource)[]
  /** Names of the parts that run in JS, by their paths. */
  readonly jsPaths: readonly string[]
  readonly hasJs: boolean
}

/** What holds where no stage says otherwise. */
export const defaultSettings: PlanSettings = {
  idleTimeoutMs: 3_600_000,
  halfCloseTimeoutMs: 60_000,
  maxDurationMs: 0,
  highWaterBytes: 262_144,
  throttleToUpstream: null,
  throttleToDownstream: null,
  keepAlive: null,
  transformToUpstream: false,
  transformToDownstream: false,
}

/** What has been gathered on the way to a place. */
type Way = {
  readonly path: string
  readonly settings: PlanSettings
  readonly toUpstream: readonly ChunkHandler[]
  readonly toDownstream: readonly ChunkHandler[]
}

/** Throws nothing: the parts have been checked when they were made. */
export function compile<K extends Kind>(pipeline: Pipeline<K>): Compiled {
  const { listen, backlog, dualStack } = pipeline.source
  const build: Build = { nodes: [], known: [], handlers: [], upstreams: [], jsPaths: [] }
  addChain(build, pipeline.chain, 0, { path: '', settings: defaultSettings, toUpstream: [], toDownstream: [] })
  const { nodes, known, handlers, upstreams, jsPaths } = build
  return { plan: { listen, backlog, dualStack, nodes, upstreams }, nodes: known, handlers, jsPaths, hasJs: jsPaths.length > 0 }
}

type Build = {
  readonly nodes: PlanNode[]
  readonly known: CompiledNode[]
  readonly handlers: (AskHandler | StreamSource)[]
  readonly upstreams: PlanEndpoint[]
  readonly jsPaths: string[]
}

/** Keeps the next place for a node whose followers have to be known first. */
function reserve(build: Build, known: CompiledNode): number {
  build.known.push(known)
  return build.nodes.push({ op: 'close' }) - 1
}

function addHandler(build: Build, handler: AskHandler | StreamSource): number {
  return build.handlers.push(handler) - 1
}

function knownAt(way: Way, path: string): CompiledNode {
  return { path, toUpstream: [], toDownstream: [], highWaterBytes: way.settings.highWaterBytes }
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
      build.nodes[at] = { op: body.step, cidrs: body.cidrs, next: goOn(way) }
      return at
    }
    case 'limit': {
      const at = reserve(build, knownAt(way, path))
      const { maxSessions, maxSessionsPerAddress, newSessionsPerSecond } = body
      build.nodes[at] = { op: 'limit', maxSessions, maxSessionsPerAddress, newSessionsPerSecond, next: goOn(way) }
      return at
    }
    case 'settings':
      return goOn({ ...way, settings: { ...way.settings, ...body.settings } })
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
    case 'echo': // what comes back has gone both ways
      return addEnd(build, path, way, [...way.toUpstream, ...way.toDownstream], [], (settings) => ({ op: 'echo', settings }))
    case 'discard':
      return addEnd(build, path, way, way.toUpstream, [], (settings) => ({ op: 'discard', settings }))
    case 'forward': {
      const { connectTimeoutMs, retries, sourceAddress } = body
      const upstream = upstreamOf(build, body.upstream)
      const at = addEnd(build, path, way, way.toUpstream, way.toDownstream, (settings) => ({ op: 'forward', upstream, connectTimeoutMs, retries, sourceAddress, settings }))
      build.known[at] = { ...knownAt(way, path), ...build.known[at], upstream: endpointText(body.upstream) }
      return at
    }
    case 'stream': {
      // Its bytes are in JS anyway, so its transforms are called there and not by the addon.
      build.jsPaths.push(path)
      const at = reserve(build, { ...knownAt(way, path), stream: body.source, toUpstream: way.toUpstream, toDownstream: way.toDownstream })
      build.nodes[at] = { op: 'stream', handler: addHandler(build, body.source), settings: way.settings }
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

/** A native sink, whose chunks go through JS where there are transforms. */
function addEnd(
  build: Build,
  path: string,
  way: Way,
  toUpstream: readonly ChunkHandler[],
  toDownstream: readonly ChunkHandler[],
  nodeOf: (settings: PlanSettings) => PlanNode,
): number {
  const at = reserve(build, { ...knownAt(way, path), toUpstream, toDownstream })
  build.nodes[at] = nodeOf({ ...way.settings, transformToUpstream: toUpstream.length > 0, transformToDownstream: toDownstream.length > 0 })
  return at
}

function upstreamOf(build: Build, endpoint: PlanEndpoint): number {
  const text = endpointText(endpoint)
  const known = build.upstreams.findIndex((other) => endpointText(other) === text)
  return known < 0 ? build.upstreams.push(endpoint) - 1 : known
}
