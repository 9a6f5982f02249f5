/** Service records as members of a set. */
import { parseName } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { Kind } from '../part.ts'

/** The members that DNS has for a service, made by `srv`. */
export type Service<K extends Kind> = {
  readonly role: 'service'
  readonly kind: K
  readonly at: { readonly net: 'srv'; readonly service: string }
}

/** What the second label of a service says of its sessions. */
export type KindOfService<Name extends string> = Name extends `_${string}._tcp.${string}` ? 'stream' : Name extends `_${string}._udp.${string}` ? 'datagram' : string extends Name ? never : 'stream' | 'datagram'

/**
 * A service as a member of `upstreams`: `srv('_http._tcp.example')` stands for every address of every target of its SRV records (RFC 2782). Those of the lowest priority
 * are used as long as one of them can be, then those of the next; their weight is that of the record, where 0 counts as 1, and each has the port that the record says.
 * Asked for again by TTL; what is known stays in use while that fails. Throws ERR_MILLRACE_BAD_ADDRESS.
 */
export function srv<const Name extends string>(service: Name): Service<KindOfService<Name>>
export function srv(service: string): Service<Kind> {
  const refuse = (why: string) => misuse('ERR_MILLRACE_BAD_ADDRESS', 'srv', `${shown(service)} ${why}: expected a name such as "_http._tcp.example"`)
  if (typeof service !== 'string') throw refuse('is not the name of a service')
  const name = parseName(service)
  const protocol = /^_[^.]+\._(tcp|udp)\.[^.]/.exec(name ?? '')?.[1]
  if (name === undefined || protocol === undefined) throw refuse('is not the name of a service')
  return Object.freeze({ role: 'service', kind: protocol === 'tcp' ? 'stream' : 'datagram', at: Object.freeze({ net: 'srv', service: name }) })
}
