/** Events as lines for people. */
import prettyBytes from 'pretty-bytes'
import type { CloseEvent, RelayEvent } from '../events.ts'

/** `closed 127.0.0.1:5555 -> 10.0.0.5:80 finished, toUpstream 5 B, toDownstream 7 kB, 12 ms` */
export function closeLine({ downstream, upstream, reason, message, error, bytesToUpstream, bytesToDownstream, durationMs }: CloseEvent): string {
  const way = upstream === undefined ? downstream : `${downstream} -> ${upstream}`
  const why = message ?? error
  const bytes = `toUpstream ${prettyBytes(bytesToUpstream)}, toDownstream ${prettyBytes(bytesToDownstream)}`
  const time = durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`
  return `closed ${way} ${reason}${why === undefined ? '' : ` (${why})`}, ${bytes}, ${time}`
}

export function noticeLine(notice: Extract<RelayEvent, { readonly type: 'notice' }>): string {
  switch (notice.code) {
    case 'paused':
      return `${notice.listener} accepts nothing for now (${notice.error ?? 'no resources'}), open sessions go on`
    case 'resumed':
      return `${notice.listener} accepts again`
    case 'acceptError':
      return `${notice.listener} could not accept a session (${notice.error ?? 'unknown error'})`
    case 'tableFull':
      return `${notice.listener} has no room for further flows (${notice.error ?? 'no resources'}): the oldest unanswered ones give way, and where there are none newcomers are dropped`
    case 'generated':
      return `pipeline ${notice.pipeline} has sent all that it was to generate`
    case 'eventsLost':
      return 'events were lost: more came than could be told'
    case 'nameUnresolved':
      return `${notice.name} does not resolve (${notice.message}); what is to go there waits, and it is asked for again`
    case 'fileChanged':
      return notice.message
    case 'fileUnusable':
      return `${notice.message}; what ${notice.path} had before stays`
    case 'upstreamState':
      return `${notice.upstream} is ${notice.state} (${notice.message})`
    case 'offloadBlocked':
    case 'offloadGone':
      return `offload: ${notice.message}`
  }
}
