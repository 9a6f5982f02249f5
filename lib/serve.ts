/** `serve`: the only function that touches the kernel. */
import { refuse } from './chain.ts'
import { safely } from './errors.ts'
import type { RelayEvent } from './events.ts'
import { limited } from './limited.ts'
import { checkBoolean, checkFunction, checkInteger, checkMs, checkNames, checkWord, shown } from './options.ts'
import { offload } from './offload/offload.ts'
import type { Kind, Pipeline } from './part.ts'
import { isPipeline } from './pipe.ts'
import { prepare } from './prepare.ts'
import type { Beside, Prepared, Settings } from './prepare.ts'
import { systemResolver } from './resolve.ts'
import type { Resolver } from './resolve.ts'
import type { Server } from './server.ts'
import type { Session } from './session.ts'
import { checkShards, shardNames } from './shards.ts'
import type { ShardOptions } from './shards.ts'
import { systemServiceResolver } from './upstreams/services.ts'
import type { ServiceResolver } from './upstreams/services.ts'

/** The options of `serve`. */
export type ServeOptions = ShardOptions & {
  /** Is told what happens, in batches. */
  readonly onEvents?: (batch: readonly RelayEvent[]) => void
  /** Whether `onEvents` is told of every session's open and close; false leaves it the notices, at no cost a session. Default true. */
  readonly sessionEvents?: boolean
  /**
   * Is told what a handler has thrown, whose session has ended with `handlerError`; without a session where `onEvents` or a handler of datagrams threw.
   * Default: stderr.
   */
  readonly onError?: (error: unknown, session: Session | undefined) => void
  /** Pending bytes of all sessions of one thread, 1048576 to 1099511627776; default 268435456. */
  readonly maxPendingBytes?: number
  /**
   * Kernel pipes of one thread, counted by what they can hold, 0 to 1099511627776 bytes; default 33554432, which is 32 pipes of 1 MiB; less than one is none, and
   * everything is copied. A direction that is spliced has a pipe while its destination refuses bytes, and these count as pending; where no other pipe is left they
   * are copied out of it. A user that is not root has 64 MiB of pipes in all processes (fs.pipe-user-pages-soft in pipe(7)): what is beyond is copied.
   */
  readonly maxPipeBytes?: number
  /** Milliseconds between our FIN and the end of a session whose peer goes on sending, 0 (at once) to 2147483647; default 2000. */
  readonly lingerMs?: number
  /**
   * `own`: the loop has its own thread, which is refused where a pipeline has a node in JS. `embedded`: it runs in the calling thread.
   * Default `auto`: pipelines without a node in JS together on one thread of their own, the others embedded.
   * A loop with its own thread and without streams, to which datagrams come by the dozen, lets them gather for 50 µs at a time where they come no slower by it (ARCHITECTURE.md).
   */
  readonly thread?: 'auto' | 'own' | 'embedded'
  /**
   * How bytes move between two sockets: `copy` through user space, `splice` through kernel pipes, `auto` (the default) by the size of the
   * last reads: splice for bulk, copy for the rest. Where the kernel gives no pipe everything is copied. What has been spliced is still the
   * sender's memory: a program that sends a file with sendfile(2) and then overwrites it changes what a slow reader gets, as on a direct connection.
   */
  readonly transport?: 'auto' | 'copy' | 'splice'
  /**
   * Whether calls of one turn that go to many sockets, such as short messages of many sessions or datagrams of many flows, may enter the kernel together, through an io_uring of the loop (one descriptor more). Nothing else changes, and
   * where the kernel has none for us (before Linux 6.0, `kernel.io_uring_disabled`, seccomp filters of containers) they are made one by one. Default true.
   */
  readonly ioUring?: boolean
  /** Resolves the names of endpoints; default: hosts file, DNS, getaddrinfo(3). */
  readonly resolver?: Resolver
  /** Resolves the services of `srv`; default: the system's name servers. */
  readonly serviceResolver?: ServiceResolver
  /**
   * Checks at every crossing that the ledger balances, and tells `onError` where not. Handlers of datagrams get copies whose memory is taken away
   * when they return, so that bytes which were kept are found out: they are empty, and to reply with them is an error. Default false.
   */
  readonly debug?: boolean
  /**
   * `nftables`: the kernel relays by itself, by address translation, and no packet comes to this process. For pipelines of `listen`, `allow`, `deny` and `forward`
   * without further options, at ports other than 0; needs nft(8), CAP_NET_ADMIN, forwarding switched on, and Linux 5.10. Other pipelines, and the options `thread`, `transport`, `ioUring`,
   * `maxPendingBytes`, `maxPipeBytes`, `lingerMs`, `debug` and those of shards, are refused with ERR_MILLRACE_BAD_PIPELINE and ERR_MILLRACE_BAD_OPTION; what the machine lacks with ERR_MILLRACE_NO_OFFLOAD. It
   * is not the same relay: TCP goes from end to end, and idle sessions end by the timeouts of conntrack (nf_conntrack_tcp_timeout_established and others).
   * There are no events of sessions, only of names and the notices `offloadBlocked` and `offloadGone`; `endSession` throws. The ledger counts payload, a train of datagrams that the kernel had joined as
   * one, and what TCP sends again twice; reading it blocks for about 10 ms, and with more than 1,000 entries of conntrack what it says is open is up to a second
   * old, or older where it is asked less often. Who may not read /proc/net/nf_conntrack (others than root) has all that began as open, no `sessions()`, and a drain that ends when the counters stand still for two seconds. Sessions are those of /proc/net/nf_conntrack. Closing removes the rules and with
   * them the sessions that are left; a process that is killed leaves its rules at work until the next one at its ports replaces them. Default: none.
   */
  readonly offload?: 'nftables'
}

const names = [...shardNames, 'onEvents', 'sessionEvents', 'onError', 'maxPendingBytes', 'maxPipeBytes', 'lingerMs', 'thread', 'transport', 'ioUring', 'resolver', 'serviceResolver', 'debug', 'offload']

/**
 * Serves one pipeline or several, of streams and of datagrams: binds all listeners, then accepts. Rejects with the `RelayError` of what cannot be set up, such as
 * `listen EADDRINUSE 127.0.0.1:8080`, and leaves nothing behind; with ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION and
 * ERR_MILLRACE_BAD_PIPELINE for misuse, and with ERR_MILLRACE_NO_ADDON where the addon is not built.
 */
export async function serve(pipelines: Pipeline<Kind> | readonly Pipeline<Kind>[], options: ServeOptions = {}): Promise<Server> {
  const settings = checkOptions(options)
  const list = checkPipelines(pipelines)
  if (options.offload !== undefined) return offload(list, options, settings)
  const prepared = await prepare(list, settings)
  return prepared.start()
}

/**
 * One of several that serve the same pipelines at the same addresses, each in a thread of JS of its own. Nothing is accepted before `start`, so
 * that all can be there first.
 */
export function serveBeside(pipelines: readonly Pipeline<Kind>[], options: ServeOptions, beside: Beside): Promise<Prepared> {
  return prepare(checkPipelines(pipelines), checkOptions(options), beside)
}

function checkOptions(options: ServeOptions): Settings {
  checkNames('serve', options, names)
  const { onEvents, sessionEvents = true, onError = report, maxPendingBytes = 268_435_456, maxPipeBytes = 33_554_432, lingerMs = 2_000 } = options
  const { thread = 'auto', transport = 'auto', ioUring = true, resolver = systemResolver(), serviceResolver = systemServiceResolver(), debug = false } = options
  if (onEvents !== undefined) checkFunction('serve', 'onEvents', onEvents)
  checkFunction('serve', 'onError', onError)
  checkFunction('serve', 'resolver', resolver)
  checkFunction('serve', 'serviceResolver', serviceResolver)
  checkInteger('serve', 'maxPendingBytes', maxPendingBytes, { least: 1_048_576, most: 2 ** 40, unit: 'bytes' })
  checkInteger('serve', 'maxPipeBytes', maxPipeBytes, { least: 0, most: 2 ** 40, unit: 'bytes' })
  checkMs('serve', 'lingerMs', lingerMs, 'at once')
  checkWord('serve', 'thread', thread, ['auto', 'own', 'embedded'])
  checkWord('serve', 'transport', transport, ['auto', 'copy', 'splice'])
  checkBoolean('serve', 'ioUring', ioUring)
  checkBoolean('serve', 'sessionEvents', sessionEvents)
  checkBoolean('serve', 'debug', debug)
  if (options.offload !== undefined) checkWord('serve', 'offload', options.offload, ['nftables'])
  return { sharding: checkShards(options), onEvents, sessionEvents, onError: guarded(onError), maxPendingBytes, maxPipeBytes, lingerMs, thread, transport, ioUring, resolver, serviceResolver, debug }
}

function checkPipelines(given: unknown): readonly Pipeline<Kind>[] {
  const list: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (list.length === 0) throw refuse('serve', 'expected at least one pipeline')
  return list.map((pipeline) => {
    if (isPipeline(pipeline)) return pipeline
    throw refuse('serve', `expected a pipeline made by pipe(…), not ${shown(pipeline)}`)
  })
}

const reports = limited((text) => process.stderr.write(`millrace: ${text}\n`))

function report(error: unknown, session: Session | undefined): void {
  reports(() => {
    const text = safely(() => (error instanceof Error ? (error.stack ?? error.message) : shown(error)))
    return `${session === undefined ? 'onEvents or a handler of datagrams' : `session ${session.id} of ${session.downstream}`}: ${text}`
  })
}

/** What is called from within a crossing must not throw. */
function guarded(onError: NonNullable<ServeOptions['onError']>): NonNullable<ServeOptions['onError']> {
  return (error, session) => {
    try {
      onError(error, session)
    } catch (another) {
      report(error, session)
      report(another, session)
    }
  }
}
