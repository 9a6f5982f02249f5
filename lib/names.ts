/** The names of a server's upstreams: each is watched once, and every forward that goes there is given its addresses. */
import { isIP } from 'node:net'
import type { Compiled } from './compile.ts'
import type { RelayEvent } from './events.ts'
import { watchName } from './resolve.ts'
import type { Resolver } from './resolve.ts'
import type { ServerRelay } from './server.ts'
import type { Session } from './session.ts'
import { tellEvents } from './tell-events.ts'

type Options = {
  readonly resolver: Resolver
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  readonly onError: (error: unknown, session: Session | undefined) => void
}

/** A forward to a name: its relay, its plan in there, its upstream number, its port. */
type Use = { readonly server: ServerRelay; readonly pipeline: number; readonly plan: number; readonly upstream: number; readonly port: number }

/** Resolves all names, again and again, until the returned function is called. */
export function watchNames(relays: readonly ServerRelay[], compiled: readonly Compiled[], options: Options): () => void {
  const stops = [...usesByName(relays, compiled)].map(([name, uses]) =>
    watchName(name, {
      resolver: options.resolver,
      onAddresses: (addresses) => tell(uses, addresses),
      onFailure(message) {
        tell(uses, [])
        notify(name, message, uses, options)
      },
    }),
  )
  return () => stops.forEach((stop) => stop())
}

function usesByName(relays: readonly ServerRelay[], compiled: readonly Compiled[]): ReadonlyMap<string, readonly Use[]> {
  const uses = new Map<string, Use[]>()
  for (const server of relays) {
    for (const [plan, pipeline] of server.pipelines.entries()) {
      for (const [upstream, at] of (compiled[pipeline]?.plan.upstreams ?? []).entries()) {
        if (at.net === 'unix' || at.net === 'set' || isIP(at.host) !== 0) continue
        const use = { server, pipeline, plan, upstream, port: at.port }
        const known = uses.get(at.host)
        if (known === undefined) uses.set(at.host, [use])
        else known.push(use)
      }
    }
  }
  return uses
}

function tell(uses: readonly Use[], addresses: readonly string[]): void {
  for (const { server, plan, upstream, port } of uses) {
    server.relay.native.setUpstream(plan, upstream, addresses.map((address) => ({ address, port })))
  }
}

function notify(name: string, message: string, uses: readonly Use[], options: Options): void {
  const pipelines = new Map(uses.map((use) => [use.pipeline, use]))
  tellEvents(options, [...pipelines].map(([pipeline, { server }]) => {
    const listener = server.relay.listeners(pipeline)[0] ?? ''
    return { type: 'notice', code: 'nameUnresolved', at: Date.now(), pipeline, listener, name, message }
  }))
}
