/** What happens to the rules of a running server, one after the other: addresses of names that change, draining, the end. */
import { endpointText } from '../endpoint.ts'
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

export function createUpdates({ onEvents, onError }: OffloadSettings): Updates {
  let table = ''
  let current: OffloadRoute[] = []
  let over = false
  let last: Promise<unknown> = Promise.resolve()
  const inTurn = (text: string): Promise<void> => {
    const done = last.then(() => load(text))
    last = done.catch(() => undefined)
    return done
  }

  const notify = (i: number, message: string): void => {
    const plan = current[i]?.plan
    if (onEvents === undefined || plan === undefined || over) return
    const [listener] = plan.listen
    try {
      onEvents([{ type: 'notice', code: 'nameUnresolved', at: Date.now(), pipeline: i, listener: listener === undefined ? '' : endpointText(listener), name: plan.upstream.host, message }])
    } catch (error) {
      onError(error, undefined)
    }
  }

  const move = (i: number, addresses: readonly string[]): void => {
    const route = current[i]
    if (route === undefined || over) return
    const machine = thisMachine()
    let upstreams: readonly Upstream[]
    try {
      upstreams = upstreamsFor(route.plan, preferring(route.upstreams, addresses), machine)
      checkSysctls(route.plan, upstreams, machine)
    } catch (error) {
      return notify(i, error instanceof Error ? error.message : String(error))
    }
    if (upstreams.every(({ host }, place) => host === route.upstreams[place]?.host)) return
    current = current.map((one, place) => (place === i ? { ...one, upstreams } : one))
    inTurn(reloadText(table, current, machine)).catch((error: unknown) => onError(error, undefined))
  }

  return {
    heardOf: (i) => ({ onAddresses: (addresses) => move(i, addresses), onFailure: (message) => notify(i, message) }),
    begin(name, routes) {
      table = name
      current = [...routes]
    },
    finally(text) {
      over = true
      return inTurn(text)
    },
  }
}

/** An address in use stays in use as long as the name has it: the order of a name's addresses changes with every answer. */
function preferring(upstreams: readonly Upstream[], addresses: readonly string[]): readonly string[] {
  const kept = upstreams.map(({ host }) => host).filter((host) => addresses.includes(host))
  return [...kept, ...addresses]
}
