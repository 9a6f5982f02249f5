/** The names and services among the members of a set: each is watched as long as a member has it. */
import { isIP } from 'node:net'
import type { PlanMember } from '../plan.ts'
import { watchName } from '../resolve.ts'
import type { Resolver } from '../resolve.ts'
import type { Resolved } from './places.ts'
import { watchService } from './services.ts'
import type { ServiceAddress, ServiceResolver } from './services.ts'

export type MemberWatch = {
  readonly resolved: () => Resolved
  /** The members from now on. */
  readonly setMembers: (members: readonly PlanMember[]) => void
  readonly stop: () => void
}

export type MemberWatchOptions = {
  readonly resolver: Resolver
  readonly serviceResolver: ServiceResolver
  /** There are other members, or they have other addresses. */
  readonly onChange: (members: readonly PlanMember[]) => void
  /** A name or a service could not be resolved; what is known of it stays. */
  readonly onFailure: (name: string, message: string) => void
}

/** Tells nothing before it has returned. */
export function watchMembers(first: readonly PlanMember[], { resolver, serviceResolver, onChange, onFailure }: MemberWatchOptions): MemberWatch {
  const names = new Map<string, readonly string[]>()
  const services = new Map<string, readonly ServiceAddress[]>()
  const stops = new Map<string, () => void>()
  let members = first
  const heard = <Found>(all: Map<string, Found>, name: string) => ({
    onFailure: (message: string) => onFailure(name, message),
    onAddresses(found: Found) {
      all.set(name, found)
      onChange(members)
    },
  })
  const watchAll = (): void => {
    const wanted = members.map(({ to }) => watched(to)).filter((one) => one !== undefined)
    for (const [key, stop] of stops) {
      if (wanted.some((one) => one.key === key)) continue
      stop()
      stops.delete(key)
    }
    for (const { key, name, isService } of wanted) {
      if (stops.has(key)) continue
      // What is known from before is not: it may have been long ago.
      if (isService) services.delete(name)
      else names.delete(name)
      stops.set(key, isService ? watchService(name, { services: serviceResolver, resolver, ...heard(services, name) }) : watchName(name, { resolver, ...heard(names, name) }))
    }
  }

  watchAll()
  return {
    resolved: () => ({ names, services }),
    setMembers(next) {
      members = next
      watchAll()
      onChange(members)
    },
    stop: () => stops.forEach((stop) => stop()),
  }
}

/** Nothing for what is an address already. */
function watched(to: PlanMember['to']): { readonly key: string; readonly name: string; readonly isService: boolean } | undefined {
  if (to.net === 'srv') return { key: `srv ${to.service}`, name: to.service, isService: true }
  return to.net === 'unix' || isIP(to.host) !== 0 ? undefined : { key: to.host, name: to.host, isService: false }
}
