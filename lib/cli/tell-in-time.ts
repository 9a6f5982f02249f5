/** Events for a thread that may be too slow for them, or stuck in a write: what it has not dealt with is bounded, and what has no room is counted. */
import type { RelayEvent } from '../events.ts'

/** As many as a loop keeps for a thread of JS. */
const mostWaiting = 65_536

export type Telling = { readonly onEvents: (batch: readonly RelayEvent[]) => void; readonly took: (events: number) => void }

export function tellInTime(tell: (batch: readonly RelayEvent[]) => void, most = mostWaiting): Telling {
  let [waiting, lost] = [0, 0]
  const send = (batch: readonly RelayEvent[]): void => {
    waiting += batch.length
    tell(batch)
  }
  return {
    onEvents(batch) {
      const [first] = batch
      if (first === undefined) return
      if (lost === 0 && waiting < most) send(batch)
      else lost += batch.length
    },
    took(events) {
      waiting -= events
      if (lost === 0 || waiting > most / 2) return
      send([{ type: 'notice', code: 'eventsLost', at: Date.now(), pipeline: 0, listener: '' }])
      lost = 0
    },
  }
}
