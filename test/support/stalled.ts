/** A relay that has stopped reading: bytes are pending and no more are taken, though there are more. */
import type { TestRelay } from './relay.ts'
import { until } from './until.ts'

/** Turns of the event loop without a byte after which nothing is on its way any more. */
const quietTurns = 2_000

export async function stalled(relay: TestRelay, more: () => boolean = () => true): Promise<void> {
  let last = -1
  let quiet = 0
  await until(() => {
    const { toUpstream, toDownstream } = relay.server.ledger()
    const taken = toUpstream.received + toDownstream.received
    quiet = taken === last ? quiet + 1 : 0
    last = taken
    return quiet > quietTurns && toUpstream.pending + toDownstream.pending > 0 && more()
  }, 'the relay to stop reading')
}
