/** The addresses of names: of what is listened to once, of upstreams again and again, as lib/names.ts does for relays. */
import { normalizeIp } from '../address.ts'
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import { watchName } from '../resolve.ts'
import type { Resolver } from '../resolve.ts'
import type { IpEndpoint } from './plan.ts'

/** A name to listen at becomes its first address; what it resolves to later does not matter. */
export async function withAddress(at: IpEndpoint, resolver: Resolver): Promise<IpEndpoint> {
  if (normalizeIp(at.host) !== undefined) return at
  const found = await resolver(at.host).catch((error: unknown) => {
    throw unresolved('listen', at.host, messageOf(error))
  })
  const [host] = found.flatMap(({ address }) => normalizeIp(address) ?? []).filter((address) => !address.includes('%'))
  if (host === undefined) throw unresolved('listen', at.host, 'it has no address without a scope')
  return { ...at, host }
}

export type Watch = {
  /** Settles with the first answer. */
  readonly first: Promise<readonly string[]>
  stop(): void
}

export type Heard = {
  /** Every answer after the first one. */
  readonly onAddresses: (addresses: readonly string[]) => void
  readonly onFailure: (message: string) => void
}

/** Watches the name of an upstream; an address is what it is. */
export function watchUpstream(node: string, { host }: IpEndpoint, resolver: Resolver, heard: Heard): Watch {
  if (normalizeIp(host) !== undefined) return { first: Promise.resolve([host]), stop: () => undefined }
  let stop = (): void => undefined
  const first = new Promise<readonly string[]>((resolve, reject) => {
    let answered = false
    stop = watchName(host, {
      resolver,
      onAddresses(addresses) {
        if (answered) heard.onAddresses(addresses)
        answered = true
        resolve(addresses)
      },
      onFailure(message) {
        if (answered) heard.onFailure(message)
        reject(unresolved(node, host, message))
      },
    })
  })
  return { first, stop: () => stop() }
}

function unresolved(node: string, name: string, message: string): Error {
  return misuse('ERR_MILLRACE_BAD_ADDRESS', node, `${shown(name)} does not resolve (${message}), and a rule needs its address`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
