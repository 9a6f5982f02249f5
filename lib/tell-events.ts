/** Events for whoever wants them. What they throw is told elsewhere, and stops nobody. */
import type { RelayEvent } from './events.ts'

export type Listening = {
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly onError: (error: unknown, session: undefined) => void
}

export function tellEvents({ onEvents, onError }: Listening, batch: readonly RelayEvent[]): void {
  if (onEvents === undefined || batch.length === 0) return
  try {
    onEvents(batch)
  } catch (error) {
    onError(error, undefined)
  }
}
