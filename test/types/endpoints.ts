/** Addresses: one without a port is refused where it is a literal. Nothing here runs. */
import { forward, listen, tcp, udp, unix } from '../../lib/index.ts'
import type { Endpoint } from '../../lib/index.ts'

const address: string = process.argv[2] ?? ''
const port: number = process.argv.length

export const accepted: readonly Endpoint<'stream'>[] = [
  tcp('127.0.0.1:8080'),
  tcp('[::1]:0'),
  tcp('name.example:80'),
  tcp(':8080'),
  tcp(`127.0.0.1:${port}`),
  tcp(address),
  unix('/run/x.sock'),
  tcp('0.0.0.0:7890-7900'),
  tcp('[::1]:7890-7900'),
]
export const datagrams: readonly Endpoint<'datagram'>[] = [udp('127.0.0.1:7890'), udp('[::]:0'), udp('0.0.0.0:7890-7900'), udp('name.example:53'), udp(address)]

// @ts-expect-error -- no port
tcp('127.0.0.1')
// @ts-expect-error -- no port
tcp('[::1]')
// @ts-expect-error -- no brackets, so no port either
tcp('::1')
// @ts-expect-error -- a port is a number
tcp('127.0.0.1:http')
// @ts-expect-error -- an empty port
tcp('127.0.0.1:')
// @ts-expect-error -- nothing at all
tcp('')
// @ts-expect-error -- no port
udp('127.0.0.1')
// @ts-expect-error -- no brackets, so no port either
udp('::1')
// @ts-expect-error -- half a range
udp('127.0.0.1:7890-')
// @ts-expect-error -- a range of names
tcp('127.0.0.1:a-b')
// @ts-expect-error -- half a range, behind brackets
tcp('[::1]:7890-')
// @ts-expect-error -- a port alone
tcp(8080)
// @ts-expect-error -- listen takes endpoints
listen('127.0.0.1:8080')
// @ts-expect-error -- forward takes an endpoint
forward('127.0.0.1:8080')
