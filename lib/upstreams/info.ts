/** The members of sets as `server.upstreams()` lists them. */
import type { Compiled } from '../compile.ts'
import type { NativeMember } from '../native.ts'
import type { ServerRelay } from '../server.ts'

/** A member of a set at one moment, as one loop has it. */
export type UpstreamInfo = {
  readonly pipeline: number
  /** The loop that counts, 0 where there is one. */
  readonly shard: number
  /** Which of the pipeline's sets, in the order in which they stand in it. */
  readonly set: number
  /** Where it is, as in events: `10.0.0.1:80`, `unix:/run/app.sock`. */
  readonly upstream: string
  /** `ejected`: no new sessions after failed connects. `draining`: taken out of the set, with sessions that go on. */
  readonly state: 'healthy' | 'unhealthy' | 'ejected' | 'draining'
  /** Milliseconds until its ejection is over; 0 where it is not ejected. */
  readonly ejectedMs: number
  /** Sessions or flows that are there, or on the way there, now. */
  readonly open: number
  /** And so far, with those that could not be connected. */
  readonly sessions: number
  /** Connects that failed so far; of flows, ICMP errors. */
  readonly failures: number
  /** Sessions of the set that wait for a member to have room. */
  readonly queued: number
}

/** What one relay says of its members; none once it is closed. */
export function upstreamInfos(compiled: readonly Compiled[]): (server: ServerRelay) => Promise<readonly UpstreamInfo[]> {
  return async ({ relay, pipelines, shard }) => {
    const members = await relay.members()
    return members.flatMap((member) => {
      const pipeline = pipelines[member.plan] ?? 0
      const sets = compiled[pipeline]?.sets
      const upstream = sets?.get(member.upstream)?.get(member.id)
      if (sets === undefined || upstream === undefined) return []
      const { ejectedMs, open, sessions, failed, queued } = member
      return [{ pipeline, shard, set: [...sets.keys()].indexOf(member.upstream), upstream, state: stateOf(member), ejectedMs, open, sessions, failures: failed, queued }]
    })
  }
}

function stateOf({ present, down, ejectedMs }: NativeMember): UpstreamInfo['state'] {
  if (present === 0) return 'draining'
  return down !== 0 ? 'unhealthy' : ejectedMs > 0 ? 'ejected' : 'healthy'
}
