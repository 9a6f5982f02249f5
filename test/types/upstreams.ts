/** Sets of upstreams: members, checks and options of the other kind are refused where they stand. Nothing here runs. */
import { dgramCheck, forward, listen, pipe, sendExpect, srv, tcp, tcpCheck, udp, unix, upstreams } from '../../lib/index.ts'
import type { Pipeline, Server, UpstreamSet } from '../../lib/index.ts'

const streams = upstreams([tcp('10.0.0.1:80'), unix('/run/x'), srv('_http._tcp.example'), { to: tcp('10.0.0.2:80'), weight: 2 }], { health: tcpCheck(), queue: { maxSessions: 5 }, retries: 3 })
const datagrams = upstreams([udp('10.0.0.1:53'), srv('_dns._udp.example')], { health: dgramCheck({ send: 'x' }) })
export const kinds: readonly [UpstreamSet<'stream'>, UpstreamSet<'datagram'>] = [streams, datagrams]
export const accepted: readonly [Pipeline<'stream'>, Pipeline<'datagram'>] = [
  pipe(listen(tcp('127.0.0.1:0')), forward(streams, { proxyProtocol: 2 })),
  pipe(listen(udp('127.0.0.1:0')), forward(datagrams, { responses: 1 })),
]
export function anyService(name: string): UpstreamSet<'stream'> {
  return upstreams([srv(name)], { retries: 1 })
}

// @ts-expect-error -- a datagram member among streams
upstreams([tcp('10.0.0.1:80'), udp('10.0.0.1:53')])
// @ts-expect-error -- a datagram service among streams
upstreams([tcp('10.0.0.1:80'), srv('_dns._udp.example')])
// @ts-expect-error -- a check of datagrams for streams
upstreams([tcp('10.0.0.1:80')], { health: dgramCheck({ send: 'x' }) })
// @ts-expect-error -- and the other way round
upstreams([udp('10.0.0.1:53')], { health: tcpCheck() })
// @ts-expect-error -- a flow does not wait
upstreams([udp('10.0.0.1:53')], { queue: { maxSessions: 5 } })
// @ts-expect-error -- there is no such balance
upstreams([tcp('10.0.0.1:80')], { balance: 'best' })
// @ts-expect-error -- an answer is expected
sendExpect({ send: 'PING' })
// @ts-expect-error -- an address without a port
upstreams([tcp('10.0.0.1')])
// @ts-expect-error -- the options of datagrams for streams
forward(streams, { responses: 1 })
pipe(
  listen(udp('127.0.0.1:0')),
  // @ts-expect-error -- a set of streams on a UDP listener
  forward(streams),
)
export function change(server: Server): void {
  server.setUpstreams(streams, [tcp('10.0.0.9:80')])
  // @ts-expect-error -- datagram members for a set of streams
  server.setUpstreams(streams, [udp('10.0.0.9:53')])
}
