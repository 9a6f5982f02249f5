/** Checks of what pipelines that are served together listen to: no port twice, and no forward to where it comes from. */
import { networkInterfaces } from 'node:os'
import { refuse } from './chain.ts'
import { formatEndpoint } from './endpoint.ts'
import type { Plan, PlanEndpoint, PlanListener, PlanMember, PlanSet } from './plan.ts'

type Ip = Exclude<PlanListener, { readonly net: 'unix' }>
type Taken = { readonly pipeline: number; readonly at: Ip; readonly dualStack: boolean }

/** Throws ERR_MILLRACE_BAD_PIPELINE. Names to forward to are not looked at. */
export function checkListeners(plans: readonly Plan[]): void {
  const taken = new Map<string, Taken[]>()
  const local = localAddresses()
  for (const [pipeline, plan] of plans.entries()) {
    for (const at of plan.listen) {
      if (at.net === 'unix' || at.port === 0) continue
      const key = `${at.net} ${at.port}`
      const one: Taken = { pipeline, at, dualStack: plan.dualStack }
      const others = taken.get(key) ?? []
      const twin = others.find((other) => other.pipeline !== pipeline && (covers(one, other) || covers(other, one)))
      if (twin !== undefined) throw refuse('serve', `pipelines ${twin.pipeline} and ${pipeline} cannot both listen: ${overlapText(twin.at, at)}`)
      taken.set(key, [...others, one])
    }
    for (const upstream of plan.upstreams.flatMap(endpointsOf)) checkLoop('forward', plan, upstream, local)
  }
}

/** Members that a set is to have from now on, behind a plan that listens at these addresses. Throws ERR_MILLRACE_BAD_PIPELINE. */
export function checkMembersLoop(plan: Pick<Plan, 'listen' | 'dualStack'>, members: readonly PlanMember[]): void {
  const local = localAddresses()
  for (const { to } of members) if (to.net !== 'srv') checkLoop('setUpstreams', plan, to, local)
}

function localAddresses(): ReadonlySet<string> {
  return new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)))
}

function endpointsOf(upstream: PlanEndpoint | PlanSet): readonly PlanEndpoint[] {
  if (upstream.net !== 'set') return [upstream]
  return upstream.members.flatMap(({ to }) => (to.net === 'srv' ? [] : [to]))
}

function overlapText(a: Ip, b: Ip): string {
  return a.host === b.host ? `${formatEndpoint(a)} is in both` : `${formatEndpoint(a)} and ${formatEndpoint(b)} overlap`
}

function covers({ at: { host }, dualStack }: Taken, { at: other }: Taken): boolean {
  if (host === other.host) return true
  return host === '0.0.0.0' ? !other.host.includes(':') : host === '::' && (dualStack || other.host.includes(':'))
}

/** What is sent to the port that it came to comes back for ever. */
function checkLoop(node: string, { listen, dualStack }: Pick<Plan, 'listen' | 'dualStack'>, upstream: PlanEndpoint, local: ReadonlySet<string>): void {
  if (upstream.net === 'unix') return
  const { net, host, port, lastPort } = upstream
  const own = listen.find((at) => at.net === net && at.port !== 0 && at.port === port + (lastPort === undefined ? 0 : (at.offset ?? 0)) && arrives(host, at.host, dualStack, local))
  if (own === undefined || own.net === 'unix') return
  throw refuse(node, `${formatEndpoint({ net, host, port: own.port })} is where it comes from: the pipeline listens to ${formatEndpoint(own)}`)
}

/** Whether what is sent to `host` comes to a listener bound to `bound`. */
function arrives(host: string, bound: string, dualStack: boolean, local: ReadonlySet<string>): boolean {
  if (host === bound) return true
  if (host.includes(':') ? bound !== '::' : bound !== '0.0.0.0' && !(bound === '::' && dualStack)) return false
  return host.startsWith('127.') || local.has(host)
}
