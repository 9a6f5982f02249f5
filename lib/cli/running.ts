/** What a command sees of a server: one in this process, or the workers of `run --workers` as if they were one. */
import type { Kind } from '../part.ts'
import type { ServeOptions } from '../serve.ts'
import type { Server } from '../server.ts'
import type { Ready } from './ready-line.ts'

export type Running = Pick<Server, 'addresses' | 'ledger' | 'load' | 'close' | 'closed'> & {
  /** Has `ledger()` say what is now, where it would be what was told last. */
  readonly refresh?: () => Promise<void>
  /** What the parts of the ledger's `shards` are called; default shard. */
  readonly shardName?: 'shard' | 'worker'
  /** What ended it that was no signal, once it is closed. */
  readonly failure?: () => string | undefined
}

/** A server that is up; `loops` says how many there are, and where, if that was asked for. */
export type Started = { readonly server: Running; readonly pipelines: readonly { readonly kind: Kind }[]; readonly ready: readonly Ready[]; readonly loops?: string }

/** Serves, and tells of what happens through the options. */
export type Start = (options: ServeOptions) => Promise<Started>
