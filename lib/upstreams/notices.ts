/** What is told of the members of sets. */
import type { UpstreamNotice } from '../events.ts'
import { formatMs } from '../options.ts'

/** What a check has found. */
export function healthNotice(pipeline: number, upstream: string, down: boolean, message: string): UpstreamNotice {
  return { type: 'notice', code: 'upstreamState', at: Date.now(), pipeline, upstream, state: down ? 'unhealthy' : 'healthy', message }
}

/** That a member is ejected, with the error of the last attempt, or, without one, that the time of that is over. */
export function ejectedNotice(pipeline: number, upstream: string, ejected: { readonly error: string | undefined; readonly forMs: number } | undefined): UpstreamNotice {
  const base = { type: 'notice', code: 'upstreamState', at: Date.now(), pipeline, upstream } as const
  if (ejected === undefined) return { ...base, state: 'healthy', message: 'its ejection is over' }
  return { ...base, state: 'ejected', message: `${ejected.error ?? 'failed connects'}, for ${formatMs(ejected.forMs)}` }
}
