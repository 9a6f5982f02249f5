/** LISTEN, UPSTREAM and URL as they are typed, and the options that only one kind of endpoint has. */
import { parseEndpoint } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Kind, Pipeline } from '../part.ts'
import { camelCase, fromOption, usage } from './usage.ts'

export type AnyEndpoint = Endpoint<'stream'> | Endpoint<'datagram'>
export type AnyPipeline = Pipeline<'stream'> | Pipeline<'datagram'>

/** `argument` is what it is called in the help: LISTEN, UPSTREAM. */
export function endpoint(argument: string, url: string): AnyEndpoint {
  return fromOption(argument, () => parseEndpoint(url))
}

const nets: Readonly<Record<Kind, string>> = { stream: 'tcp and unix', datagram: 'udp' }

/** Refuses an option that is for the other kind. */
export function refuseOthers(kind: Kind, options: object, kindOf: Readonly<Record<string, Kind>>): void {
  for (const [flag, itsKind] of Object.entries(kindOf)) {
    const given = camelCase(flag) in options
    if (given && itsKind !== kind) throw usage(`${flag} is for ${nets[itsKind]}, not for ${nets[kind]}`)
  }
}
