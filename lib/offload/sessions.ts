/** What `sessions()` of an offloaded server lists: conntrack's entries as sessions. */
import type { SessionInfo } from '../session-info.ts'
import { trackedIn } from './conntrack.ts'
import type { Tracked } from './conntrack.ts'
import { lacking } from './nft.ts'
import type { OffloadRoute } from './rules.ts'

/** Of one process; conntrack's own numbers are not in its file. */
const known = new Map<string, { readonly id: number; readonly since: number }>()
let made = 0

/** Throws ERR_MILLRACE_NO_OFFLOAD where the kernel does not show them. */
export async function listTracked(routes: readonly OffloadRoute[], zones: ReadonlySet<number>): Promise<readonly SessionInfo[]> {
  const listed = (await read(zones)).map((one) => ({ key: `${one.zone} ${one.downstream} ${one.listener} ${one.upstream}`, one }))
  const keys = new Set(listed.map(({ key }) => key))
  for (const key of known.keys()) if (zones.has(Number(key.split(' ')[0])) && !keys.has(key)) known.delete(key)
  return listed.flatMap(({ key, one }) => {
    const pipeline = routes.findIndex(({ zone }) => zone === one.zone)
    const plan = routes[pipeline]?.plan
    if (plan === undefined) return []
    const { id, since } = known.get(key) ?? { id: made++, since: Date.now() }
    known.set(key, { id, since })
    const { state, downstream, upstream, bytesToUpstream, bytesToDownstream, idleMs } = one
    const ageMs = one.ageMs ?? Math.max(Date.now() - since, idleMs)
    return { id, pipeline, kind: plan.kind, node: plan.path, state, downstream, upstream, bytesToUpstream, bytesToDownstream, pendingToUpstream: 0, pendingToDownstream: 0, ageMs, idleMs }
  }).toSorted((a, b) => a.id - b.id)
}

async function read(zones: ReadonlySet<number>): Promise<readonly Tracked[]> {
  try {
    return await trackedIn(zones)
  } catch (error) {
    const denied = error instanceof Error && 'code' in error && error.code === 'EACCES'
    throw lacking(denied ? 'the sessions are in /proc/net/nf_conntrack, which only root can read' : 'this kernel shows no sessions: it has no /proc/net/nf_conntrack (CONFIG_NF_CONNTRACK_PROCFS); conntrack -L does', error)
  }
}
