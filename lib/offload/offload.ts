/**
 * `serve(…, { offload: 'nftables' })`: the pipelines become rules of the kernel, in a table of their own. All that can be found wrong is found
 * before anything is loaded, and the rules are loaded in one transaction.
 */
import { compile } from '../compile.ts'
import { misuse, systemError } from '../errors.ts'
import type { RelayEvent } from '../events.ts'
import { explainOffloaded } from '../explain.ts'
import { checkListeners } from '../listeners.ts'
import type { Kind, Pipeline } from '../part.ts'
import type { Resolver } from '../resolve.ts'
import type { Server } from '../server.ts'
import type { Session } from '../session.ts'
import { shardNames } from '../shards.ts'
import { tellEvents } from '../tell-events.ts'
import { isRemoved, removeAtExit } from './at-exit.ts'
import { zonesInUse } from './conntrack.ts'
import { hold } from './hold.ts'
import type { Held } from './hold.ts'
import { checkSysctls, thisMachine } from './machine.ts'
import { watchUpstream, withAddress } from './names.ts'
import type { Watch } from './names.ts'
import { forget, load, rulesetText } from './nft.ts'
import { offloadPlan } from './plan.ts'
import type { OffloadPlan } from './plan.ts'
import { replacedBy } from './replaced.ts'
import { entriesHere } from './reading.ts'
import { familiesOf, familyOf, upstreamsFor } from './routes.ts'
import { firstZone, loadText, nextZone, tableName } from './rules.ts'
import type { OffloadRoute } from './rules.ts'
import { createOffloadServer } from './server.ts'
import { forwardDrops, interfacesOff, obstacles, zonesSet } from './surroundings.ts'
import { findTables, thisProcess } from './tables.ts'
import type { Table } from './tables.ts'
import { createUpdates } from './updates.ts'

export type OffloadSettings = {
  readonly resolver: Resolver
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly onError: (error: unknown, session: Session | undefined) => void
}

/** Options of `serve` about sockets and threads, which there are none of. */
const notInKernel = ['thread', 'transport', 'ioUring', 'maxPendingBytes', 'maxPipeBytes', 'lingerMs', 'debug', ...shardNames]

/** Throws what `serve` says of `offload`, for pipelines and options that cannot be offloaded; looks at nothing else. */
export function checkOffload(pipelines: readonly Pipeline<Kind>[], options: object = {}): readonly OffloadPlan[] {
  const option = notInKernel.find((name) => Reflect.get(options, name) !== undefined)
  if (option !== undefined) throw misuse('ERR_MILLRACE_BAD_OPTION', 'serve', `${option} is about how millrace moves bytes, and with offload "nftables" the kernel does; leave it out`)
  const plans = pipelines.map((pipeline) => offloadPlan(pipeline))
  for (const plan of plans) checkSource(plan)
  return plans
}

function checkSource(plan: OffloadPlan): void {
  const { sourceAddresses, path } = plan
  if (sourceAddresses.length === 0) return
  const other = familiesOf(plan).find((family) => !sourceAddresses.some((source) => familyOf(source) === family))
  if (other === undefined) return
  throw misuse('ERR_MILLRACE_BAD_PIPELINE', path, `cannot be offloaded to nftables: sourceAddress ${sourceAddresses.join(', ')} is not for IPv${other}, which the pipeline listens to`)
}

export async function offload(pipelines: readonly Pipeline<Kind>[], options: object, settings: OffloadSettings): Promise<Server> {
  const plans = await Promise.all(checkOffload(pipelines, options).map(async (plan) => ({ ...plan, listen: await Promise.all(plan.listen.map((at) => withAddress(at, settings.resolver))) })))
  checkListeners(pipelines.map((pipeline, i) => compile(at(pipeline, plans[i])).plan))
  const updates = createUpdates(settings)
  const watches = plans.map((plan, i) => watchUpstream(plan.path, plan.upstream, settings.resolver, updates.heardOf(i)))
  let held: Held | undefined
  let name: string | undefined
  try {
    const machine = thisMachine()
    const upstreams = (await firstAnswers(watches)).map((addresses, i) => upstreamsOf(plans[i], addresses, machine))
    held = await hold(plans).catch((error: unknown) => {
      throw systemError(error, 'listen')
    })
    const tables = await findTables()
    const replaced = replacedBy(plans, tables)
    const past = zonesOf(tables.filter((table) => replaced.includes(table.name)))
    const ruleset = await rulesetText()
    const taken = [...zonesOf(tables.filter((table) => !replaced.includes(table.name))), ...zonesSet(ruleset), ...(await zonesTracked()).filter((zone) => !past.includes(zone))]
    const routes = withZones(plans, upstreams, taken)
    const ended = past.filter((zone) => !routes.some((route) => route.zone === zone))
    name = tableName(plans)
    removeAtExit(name)
    await load(loadText(name, thisProcess(), routes, machine, { tables: replaced, zones: ended }))
    await forget(ended)
    tellObstacles(routes, ruleset, settings)
    return createOffloadServer({ ...settings, name, routes, held, updates, stop: () => watches.forEach((watch) => watch.stop()), explain: pipelines.map((pipeline) => explainOffloaded(pipeline)).join('\n\n') })
  } catch (error) {
    for (const watch of watches) watch.stop()
    if (name !== undefined) isRemoved(name)
    await held?.release()
    throw error
  }
}

/** The pipeline with addresses for the names that it listens at. */
function at(pipeline: Pipeline<Kind>, plan: OffloadPlan | undefined): Pipeline<Kind> {
  return plan === undefined ? pipeline : { ...pipeline, source: { ...pipeline.source, listen: plan.listen } }
}

/** None of them is left to reject when nobody waits any more. */
async function firstAnswers(watches: readonly Watch[]): Promise<readonly (readonly string[])[]> {
  const answers = await Promise.allSettled(watches.map(({ first }) => first))
  return answers.map((answer) => {
    if (answer.status === 'fulfilled') return answer.value
    throw answer.reason
  })
}

function upstreamsOf(plan: OffloadPlan | undefined, addresses: readonly string[], machine: ReturnType<typeof thisMachine>): OffloadRoute['upstreams'] {
  if (plan === undefined) return []
  const upstreams = upstreamsFor(plan, addresses, machine)
  checkSysctls(plan, upstreams, machine)
  return upstreams
}

function zonesOf(tables: readonly Table[]): readonly number[] {
  return tables.flatMap(({ routes }) => routes.map(({ zone }) => zone))
}

/** Those of entries that are there, where looking takes no longer than a start may: with many entries a zone is taken as it comes. */
async function zonesTracked(): Promise<readonly number[]> {
  if (entriesHere() > mostLookedAt) return []
  return [...(await zonesInUse().catch(() => new Set<number>()))]
}

/** About 100 ms. */
const mostLookedAt = 10_000

/** Every pipeline has a zone that nobody else has. */
function withZones(plans: readonly OffloadPlan[], upstreams: readonly OffloadRoute['upstreams'][], others: readonly number[]): readonly OffloadRoute[] {
  const taken = new Set(others)
  return plans.map((plan, i) => {
    let zone = firstZone(plan)
    while (taken.has(zone)) zone = nextZone(zone)
    taken.add(zone)
    return { plan, zone, upstreams: upstreams[i] ?? [] }
  })
}

/** Once everything is up: it may be meant so, and a rule of the firewall may accept them. */
function tellObstacles(routes: readonly OffloadRoute[], ruleset: string, settings: OffloadSettings): void {
  const remote = routes.flatMap(({ upstreams }, pipeline) => upstreams.filter(({ place }) => place === 'remote').map(({ family }) => ({ family, pipeline })))
  const [first] = remote
  if (first === undefined || settings.onEvents === undefined) return
  const off = remote.some(({ family }) => family === 4) ? interfacesOff(4) : []
  const events = obstacles(forwardDrops(ruleset), off).map((message): RelayEvent => ({ type: 'notice', code: 'offloadBlocked', at: Date.now(), pipeline: first.pipeline, message }))
  if (events.length === 0) return
  setImmediate(() => tellEvents(settings, events))
}
