/** LISTEN, UPSTREAM and URL as they are typed, and the options that only one kind of endpoint has. */
import { formatEndpoint, parseEndpoint } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Kind, Pipeline } from '../part.ts'
import { camelCase, fromOption, usage } from './usage.ts'

export type AnyEndpoint = Endpoint<'stream'> | Endpoint<'datagram'>
export type AnyEndpoints = { readonly kind: 'stream'; readonly all: readonly Endpoint<'stream'>[] } | { readonly kind: 'datagram'; readonly all: readonly Endpoint<'datagram'>[] }
export type AnyPipeline = Pipeline<'stream'> | Pipeline<'datagram'>

/** `argument` is what it is called in the help: LISTEN, UPSTREAM. */
export function endpoint(argument: string, url: string): AnyEndpoint {
  return fromOption(argument, () => parseEndpoint(url))
}

/** One endpoint, or several of one kind with commas between them; a comma in a path is one where no URL follows. */
export function endpoints(argument: string, urls: string): AnyEndpoints {
  const all = urls.split(/,(?=[a-z]+:\/\/)/).map((url) => endpoint(argument, url))
  const streams = all.filter((one) => one.kind === 'stream')
  const datagrams = all.filter((one) => one.kind === 'datagram')
  const [stream, datagram] = [streams[0], datagrams[0]]
  if (stream !== undefined && datagram !== undefined) throw usage(`${argument}: ${formatEndpoint(stream.at)} and ${formatEndpoint(datagram.at)} cannot be one set: streams do not become datagrams`)
  return datagram === undefined ? { kind: 'stream', all: streams } : { kind: 'datagram', all: datagrams }
}

const nets: Readonly<Record<Kind, string>> = { stream: 'tcp and unix', datagram: 'udp' }

/** Refuses an option that is for the other kind. */
export function refuseOthers(kind: Kind, options: object, kindOf: Readonly<Record<string, Kind>>): void {
  for (const [flag, itsKind] of Object.entries(kindOf)) {
    const given = camelCase(flag) in options
    if (given && itsKind !== kind) throw usage(`${flag} is for ${nets[itsKind]}, not for ${nets[kind]}`)
  }
}
