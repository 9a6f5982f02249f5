/** Checks at run time whether a chain fits the source before it: the kind of its sessions, and the number of its ports. */
import { isLoopback } from './address.ts'
import { refuse } from './chain.ts'
import { formatEndpoint, portCount } from './endpoint.ts'
import { misuse } from './errors.ts'
import type { AnySink, AnyStage, Branch, Kind, Source } from './part.ts'
import type { PlanMatcher } from './plan.ts'
import { isEverything } from './proxy/destinations.ts'

/** Throws ERR_MILLRACE_BAD_PIPELINE for a part that cannot follow this source, and ERR_MILLRACE_OPEN_PROXY. */
export function checkFits<K extends Kind>(source: Source<K>, chain: Branch): void {
  if (source.generate !== null) checkGenerated(chain)
  checkAnswering(source.kind, chain, [])
  checkProxied(chain, [])
  checkDialects(chain, [])
  checkOpen(source, chain, [])
  for (const { stages, sink } of chainsOf(chain)) {
    for (const part of [...stages, sink]) {
      const kind = kindsOf(part).find((one) => one !== source.kind)
      if (kind === undefined) continue
      throw refuse('pipe', `the part ${part.name} is for ${kind}s, but ${source.name} ${source.shows} is a source of ${source.kind}s`)
    }
    if (source.generate === null) checkPorts(source, sink)
    checkProxies(source, stages)
  }
}

/** A generator measures what one upstream does, so nothing may stand in between. */
function checkGenerated({ stages, sink }: Branch): void {
  const [first] = stages
  const expected = 'the chain must be one forward, such as forward(udp("10.0.0.1:7890"))'
  if (first !== undefined) throw refuse('generate', `${expected}, but it has the stage ${first.name}`)
  if (sink.body.step !== 'forward') throw refuse('generate', `${expected}, not ${sink.name}`)
  if (sink.body.proxyProtocol !== 0) throw refuse('generate', `${expected}, without proxyProtocol: nobody has sent what it makes`)
  if (sink.body.upstream.net === 'set') throw refuse('generate', `${expected}, not one to a set of upstreams`)
}

/** A sink that answers by itself reads no changed bytes, and for datagrams it has no flows that could be counted, slowed or shown to a handler. */
function checkAnswering(kind: Kind, { stages, sink }: Branch, before: readonly AnyStage[]): void {
  const all = [...before, ...stages]
  for (const chain of below(sink)) checkAnswering(kind, chain, all)
  if (sink.body.step !== 'stun') return
  if (all.some(readsFirst)) throw refuse('pipe', 'proxyProtocol with dialect "first" cannot stand before stun, which has no flow that would remember whom it is from: use "every"')
  const refused = all.find(({ body: { step }, name }) => step === 'transform' || (kind === 'datagram' && (step === 'limit' || step === 'filterDatagrams' || name === 'throttle')))
  if (refused === undefined) return
  const instead = refused.name === 'limit' || refused.name === 'throttle' ? ': stun answers datagrams without a flow, use its option ratePerAddress' : ''
  throw refuse('pipe', `the stage ${refused.name} cannot stand before stun${instead}`)
}

/** A proxy is known by its address. */
function checkProxies<K extends Kind>({ listen }: Source<K>, stages: readonly AnyStage[]): void {
  const path = listen.find(({ net }) => net === 'unix')
  if (path === undefined || !stages.some(({ body: { step } }) => step === 'proxyProtocol')) return
  throw refuse('pipe', `proxyProtocol cannot stand behind listen ${formatEndpoint(path)}: who connects there has no address that could be in from`)
}

/** Who has been counted or shown as one peer must not become another. */
function checkProxied({ stages, sink }: Branch, before: readonly (AnyStage | AnySink)[]): void {
  const all = [...before, ...stages, sink]
  const knows = all.findIndex(({ body: { step } }) => step === 'limit' || step === 'inspect' || step === 'decide' || step === 'choose' || step === 'filterDatagrams')
  const reads = all.findLastIndex(({ body: { step } }) => step === 'proxyProtocol')
  if (knows >= 0 && knows < reads) throw refuse('pipe', `proxyProtocol must stand before ${all[knows]?.name}, which has to know whom the session is from`)
  for (const chain of below(sink)) checkProxied(chain, all)
}

/** A datagram has all of its headers, or none, and where only the first has any, nothing may ask for them again. */
function checkDialects({ stages, sink }: Branch, before: readonly AnyStage[]): void {
  const all = [...before, ...stages]
  const dialects = new Set(all.flatMap(({ body }) => (body.step === 'proxyProtocol' ? [body.dialect] : [])))
  if (dialects.size > 1) throw refuse('pipe', 'proxyProtocol with dialect "first" and with "every" cannot stand one behind the other: which of a flow\'s datagrams have headers has to be the same for both')
  if (sink.body.step === 'forward' && sink.body.proxyDialect === 'first' && all.some(readsFirst)) {
    throw refuse('pipe', 'forward with proxyDialect "first" cannot stand behind proxyProtocol with dialect "first": after an ICMP error the upstream has to be told anew whom a flow is from, and nobody says that a second time; use "every" on one side')
  }
  const reading = sink.body.step === 'route' ? sink.body.when.find(({ matcher }) => readsEach(matcher.plan)) : undefined
  if (reading !== undefined && below(sink).flatMap(chainsOf).some(({ stages: some }) => some.some(readsFirst))) {
    throw refuse('pipe', `proxyProtocol with dialect "first" cannot stand behind route with ${reading.matcher.name}, which decides about each datagram, and only the first has a header: put it before route`)
  }
  for (const chain of below(sink)) checkDialects(chain, all)
}

function readsFirst({ body }: AnyStage): boolean {
  return body.step === 'proxyProtocol' && body.dialect === 'first'
}

/** Whether a matcher may say something else about the next datagram of a flow. */
function readsEach(plan: PlanMatcher): boolean {
  if (plan.op === 'not') return readsEach(plan.matcher)
  return plan.op === 'any' ? plan.matchers.some(readsEach) : plan.op !== 'remoteAddress'
}

/** Whoever reaches a proxy goes on from here, so somebody has to say who that is, or where to. */
function checkOpen<K extends Kind>(source: Source<K>, { stages, sink }: Branch, before: readonly AnyStage[]): void {
  const all = [...before, ...stages]
  const { body, name } = sink
  if (body.step === 'negotiate') {
    const open = source.listen.find((at) => at.net !== 'unix' && !isLoopback(at.host))
    if (open === undefined || body.openProxy || body.users.length > 0 || all.some(admitsSome)) return
    const instead = 'give its users (auth), its destinations (allow, where there is no via), its clients (the stage allow before it), or say openProxy: true'
    throw misuse('ERR_MILLRACE_OPEN_PROXY', 'pipe', `${name} at ${formatEndpoint(open)} would be open to whoever reaches it: ${instead}`)
  }
  for (const chain of below(sink)) checkOpen(source, chain, all)
}

/** An `allow` that does not let in everybody. */
function admitsSome({ body }: AnyStage): boolean {
  return body.step === 'allow' && !body.networks.cidrs.some(isEverything)
}

/** With a range of ports to connect to, each listener has its counterpart. */
function checkPorts<K extends Kind>({ listen }: Source<K>, { body }: AnySink): void {
  if (body.step !== 'forward' || body.upstream.net === 'set') return
  const ports = portCount(body.upstream)
  const other = ports === 1 ? undefined : listen.find((at) => portCount(at) !== ports)
  if (other === undefined) return
  const has = `${formatEndpoint(body.upstream)} has ${ports} ports, but listen ${formatEndpoint(other)} has ${portCount(other)}`
  throw refuse('forward', `${has}: each port listened to goes to the one at its place in the other range, so both need the same number`)
}

/** The chain and those of all branches below it. */
function chainsOf(chain: Branch): readonly Branch[] {
  return [chain, ...below(chain.sink).flatMap(chainsOf)]
}

function below({ body }: AnySink): readonly Branch[] {
  if (body.step === 'route') return [...body.when.map((one) => one.chain), body.otherwise]
  return body.step === 'choose' || body.step === 'negotiate' ? body.branches.map((one) => one.chain) : []
}

const ofStreams = new Set(['halfCloseTimeoutMs', 'highWaterBytes', 'keepAlive'])
const ofDatagrams = new Set(['throttleDatagramsToUpstream', 'throttleDatagramsToDownstream'])

/** The kinds that a part is for alone: none where it is for both, and two where its matchers do not go together. */
function kindsOf(part: AnyStage | AnySink): readonly Kind[] {
  if (part.body.step === 'route') return part.body.when.flatMap(({ matcher }) => kindsOfMatcher(matcher.plan))
  return [kindOf(part) ?? []].flat()
}

function kindOf({ body }: AnyStage | AnySink): Kind | undefined {
  switch (body.step) {
    case 'proxyProtocol':
      return body.dialect === 'first' ? 'datagram' : undefined
    case 'inspect':
    case 'decide':
    case 'transform':
    case 'choose':
    case 'stream':
    case 'reset':
    case 'negotiate':
    case 'destination':
      return 'stream'
    case 'filterDatagrams':
    case 'datagrams':
      return 'datagram'
    case 'settings': {
      const names = Object.keys(body.settings)
      return names.some((name) => ofStreams.has(name)) ? 'stream' : names.some((name) => ofDatagrams.has(name)) ? 'datagram' : undefined
    }
    case 'forward':
      return body.upstream.net === 'set' ? body.upstream.kind : body.upstream.net === 'udp' ? 'datagram' : 'stream'
    case 'route':
    case 'allow':
    case 'deny':
    case 'limit':
    case 'echo':
    case 'discard':
    case 'stun':
    case 'close':
      return undefined
  }
}

function kindsOfMatcher(plan: PlanMatcher): readonly Kind[] {
  switch (plan.op) {
    case 'alpn':
    case 'http':
    case 'httpHost':
    case 'httpPath':
    case 'mqtt':
    case 'postgres':
    case 'silent':
    case 'sni':
    case 'ssh':
    case 'tls':
      return ['stream']
    case 'quic':
    case 'wireguard':
      return ['datagram']
    case 'not':
      return kindsOfMatcher(plan.matcher)
    case 'any':
      return plan.matchers.flatMap(kindsOfMatcher)
    case 'dns':
    case 'prefix':
    case 'proxyHeader':
    case 'regexp':
    case 'remoteAddress':
    case 'stunBinding':
      return []
  }
}
