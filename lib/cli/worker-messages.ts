/** What `run --workers` and its workers say to each other. */
import type { RelayEvent } from '../events.ts'
import type { CounterRow } from '../ledger.ts'
import type { Kind } from '../part.ts'
import type { Beside } from '../prepare.ts'
import type { ServerAddress } from '../server.ts'
import type { Ready } from './ready-line.ts'

/** What a worker is started with. */
export type WorkerJob = {
  readonly file: string
  readonly number: number
  /** Whether every session's open and close is wanted. */
  readonly sessionEvents: boolean
}

/** `bind` is answered by `bound`, `read` by `rows`, `start` by `started`, `close`, in the end, by `closed`. `took`: so many events have been dealt with. */
export type ToWorker =
  | { readonly ask: 'start' | 'read' }
  | { readonly ask: 'bind'; readonly beside: Beside }
  | { readonly ask: 'took'; readonly events: number }
  | { readonly ask: 'steer'; readonly cpus: readonly number[] }
  | { readonly ask: 'close'; readonly drainMs: number }

export type Bound = {
  readonly addresses: readonly ServerAddress[]
  readonly ready: readonly Ready[]
  readonly pipelines: readonly { readonly kind: Kind }[]
}

export type FromWorker =
  /** The file is loaded; nothing is bound yet. */
  | { readonly said: 'loaded' }
  /** Its listeners are there; nothing is accepted yet. */
  | ({ readonly said: 'bound' } & Bound)
  | { readonly said: 'events'; readonly batch: readonly RelayEvent[] }
  | { readonly said: 'started' | 'rows' | 'closed'; readonly rows: readonly CounterRow[] }
  /** It could not start, and has left nothing behind. */
  | { readonly said: 'failed'; readonly line: string }
