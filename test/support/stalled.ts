/** A relay that has stopped reading: bytes are pending and no more are taken, though there are more. */
import type { Ledger } from '../../lib/index.ts'
import type { TestRelay } from './relay.ts'
import { until } from './until.ts'

/** Turns of the event loop without a byte after which nothing is on its way any more. */
const quietTurns = 2_000

export async function stalled(relay: TestRelay, more: () => boolean = () => true): Promise<void> {
  await quiet(relay, ({ toUpstream, toDownstream }) => toUpstream.pending + toDownstream.pending > 0 && more())
}

/** Nothing has been taken for a while, whatever is pending. */
export async function quiet(relay: TestRelay, more: (ledger: Ledger) => boolean = () => true): Promise<void> {
  let last = -1
  let turns = 0
  await until(() => {
    const ledger = relay.server.ledger()
    const taken = ledger.toUpstream.received + ledger.toDownstream.received
    turns = taken === last ? turns + 1 : 0
    last = taken
    return turns > quietTurns && more(ledger)
  }, 'the relay to stop reading')
}
