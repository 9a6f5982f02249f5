/** What happens to the rules of a running server, one after the other: addresses of names that change, draining, the end. */
import { endpointText } from '../endpoint.ts'
import { tellEvents } from '../tell-events.ts'
import { checkSysctls, thisMachine } from './machine.ts'
import type { Heard } from './names.ts'
import { load } from './nft.ts'
import type { OffloadSettings } from './offload.ts'
import { upstreamsFor } from './routes.ts'
import type { Upstream } from './routes.ts'
import { reloadText } from './rules.ts'
import type { OffloadRoute } from './rules.ts'

export type Updates = {
  /** What to do when the name that pipeline `i` goes to has new addresses, or cannot be resolved. */
  heardOf(i: number): Heard
  /** From now on rules are there to be changed. */
  begin(name: string, routes: readonly OffloadRoute[]): void
  /** Loads text after everything else; nothing that was heard of names is loaded any more. */
  finally(text: string): Promise<void>
}

/** After which rules that could not be loaded are tried again. */
const retryMs = 2_000

export function createUpdates(settings: OffloadSettings): Updates {
  let table = ''
  let current: OffloadRoute[] = []
  let over = false
  let last: Promise<unknown> = Promise.resolve()
  /** What every name was last said to have. */
  const latest = new Map<number, readonly string[]>()
  let retry: NodeJS.Timeout | undefined
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }

  const notify = (i: number, message: string): void => {
    const plan = current[i]?.plan
    if (plan === undefined || over) return
    const [listener] = plan.listen
    tellEvents(settings, [{ type: 'notice', code: 'nameUnresolved', at: Date.now(), pipeline: i, listener: listener === undefined ? '' : endpointText(listener), name: plan.upstream.host, message }])
  }

  const move = async (i: number, addresses: readonly string[]): Promise<void> => {
    const route = current[i]
    if (route === undefined || over) return
    const machine = thisMachine()
    let upstreams: readonly Upstream[]
    try {
      upstreams = upstreamsFor(route.plan, preferring(route.upstreams, addresses), machine)
      checkSysctls(route.plan, upstreams, machine)
    } catch (error) {
      notify(i, error instanceof Error ? error.message : String(error))
      return
    }
    if (upstreams.every(({ host }, place) => host === route.upstreams[place]?.host)) return
    const next = current.map((one, place) => (place === i ? { ...one, upstreams } : one))
    await load(reloadText(table, next, machine))
    current = next
  }

  /** What could not be loaded is told, and tried again with what names are said to have by then. */
  const follow = (i: number, addresses: readonly string[]): void => {
    latest.set(i, addresses)
    inTurn(() => move(i, latest.get(i) ?? addresses)).catch((error: unknown) => {
      if (over) return
      settings.onError(error, undefined)
      clearTimeout(retry)
      retry = setTimeout(() => latest.forEach((had, place) => follow(place, had)), retryMs).unref()
    })
  }

  return {
    heardOf: (i) => ({ onAddresses: (addresses) => follow(i, addresses), onFailure: (message) => notify(i, message) }),
    begin(name, routes) {
      table = name
      current = [...routes]
      latest.forEach((addresses, i) => follow(i, addresses)) // What was heard while the rules were loaded.
    },
    finally(text) {
      over = true
      clearTimeout(retry)
      return inTurn(() => load(text))
    },
  }
}

/** An address in use stays in use as long as the name has it: the order of a name's addresses changes with every answer. */
function preferring(upstreams: readonly Upstream[], addresses: readonly string[]): readonly string[] {
  const kept = upstreams.map(({ host }) => host).filter((host) => addresses.includes(host))
  return [...kept, ...addresses]
}
