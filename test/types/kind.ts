/** Streams and datagrams: a part for the one is refused at its place in a chain of the other. Nothing here runs. */
import { allow, any, close, datagrams as datagramHandler, decide, echo, filterDatagrams, forward, generate, halfCloseTimeout, highWater, idleTimeout, inspect, keepAlive, limit, listen, maxDuration, not, otherwise, parseEndpoint, pass, pipe, prefix, proxyProtocol, quic, remoteAddress, reset, route, serve, sni, stream, tcp, throttle, transform, udp, when, wireguard } from '../../lib/index.ts'
import type { Otherwise, Pipeline, When } from '../../lib/index.ts'
import { anyStage, datagramMatcher, datagramSink, datagramStage, udpEndpoint } from './parts.ts'

const datagrams = listen(udpEndpoint)
const streams = listen(tcp('127.0.0.1:0'))

// Parts for any kind fit everywhere.
export const accepted: Pipeline<'datagram'> = pipe(
  datagrams,
  allow('10.0.0.0/8'),
  limit({ maxSessions: 1 }),
  idleTimeout(1_000),
  maxDuration(1_000),
  anyStage,
  datagramStage,
  route(when(remoteAddress('10.0.0.0/8'), datagramSink), when(any(datagramMatcher, remoteAddress('::/0')), echo()), otherwise(close())),
)
export const forwarded: readonly Pipeline<'datagram'>[] = [
  pipe(datagrams, forward(udpEndpoint, { responses: 1 })),
  pipe(datagrams, throttle({ bytesPerSecond: 1 }), throttle({ datagramsPerSecond: 1, burstDatagrams: 2, bytesPerSecond: 1 }), filterDatagrams(() => {}), forward(udpEndpoint)),
  pipe(datagrams, route(when(prefix('x'), filterDatagrams({ toDownstream: () => {} }), datagramHandler(() => {})), otherwise(close()))),
  pipe(generate({ flows: 2 }), forward(udp('10.0.0.1:7890'))),
]
/** The kind of what parseEndpoint gives tells which it is. */
export function forwardTo(url: string): Pipeline<'stream'> | Pipeline<'datagram'> {
  const endpoint = parseEndpoint(url)
  return endpoint.kind === 'stream' ? pipe(streams, forward(endpoint)) : pipe(datagrams, forward(endpoint))
}
export const branches: readonly When<'stream'>[] = [
  when(remoteAddress('10.0.0.0/8'), allow('10.1.0.0/16'), forward(tcp('10.0.0.1:80'))),
  when(remoteAddress('10.0.0.0/8'), halfCloseTimeout(1), echo()),
  when(any(sni('a.example'), prefix('x')), close()),
]
export const rest: Otherwise<'stream'> = otherwise(inspect(() => pass()), close())

export const proxied: readonly Pipeline<'datagram'>[] = [pipe(datagrams, proxyProtocol({ from: ['::1'], dialect: 'first' }), echo()), pipe(datagrams, proxyProtocol({ from: ['::1'] }), echo())]
// A header in the first datagram only, of streams.
pipe(
  streams,
  // @ts-expect-error -- a stream has one header
  proxyProtocol({ from: ['::1'], dialect: 'first' }),
  echo(),
)
// A datagram part on a TCP listener.
pipe(
  streams,
  allow('10.0.0.0/8'),
  // @ts-expect-error -- a datagram sink
  datagramSink,
)
pipe(
  streams,
  allow('10.0.0.0/8'),
  // @ts-expect-error -- a datagram stage
  datagramStage,
  echo(),
)
pipe(
  streams,
  // @ts-expect-error -- a datagram endpoint
  forward(udpEndpoint),
)

// A stream part on a datagram listener.
pipe(
  datagrams,
  allow('10.0.0.0/8'),
  // @ts-expect-error -- inspect reads the head of a stream
  inspect(() => pass()),
  datagramSink,
)
pipe(
  datagrams,
  // @ts-expect-error -- so does decide
  decide(() => pass()),
  datagramSink,
)
pipe(
  datagrams,
  // @ts-expect-error -- transform sees chunks
  transform({ toUpstream: (chunk) => chunk }),
  datagramSink,
)
pipe(
  datagrams,
  // @ts-expect-error -- datagrams have no half-close
  halfCloseTimeout(1_000),
  datagramSink,
)
pipe(
  datagrams,
  // @ts-expect-error -- nor pending bytes
  highWater(65_536),
  datagramSink,
)
pipe(
  datagrams,
  // @ts-expect-error -- nor TCP keepalive
  keepAlive(),
  datagramSink,
)
pipe(
  datagrams,
  allow('10.0.0.0/8'),
  // @ts-expect-error -- a stream endpoint
  forward(tcp('10.0.0.1:80')),
)
pipe(
  datagrams,
  // @ts-expect-error -- a stream handler
  stream({ data() {} }),
)
pipe(
  datagrams,
  // @ts-expect-error -- there is no RST
  reset(),
)

// SNI on UDP.
pipe(
  datagrams,
  // @ts-expect-error -- a route that reads a ClientHello
  route(when(sni('a.example'), echo()), when(prefix('x'), forward(tcp('10.0.0.1:80')))),
)
when(
  sni('a.example'),
  // @ts-expect-error -- the matcher is for streams, the sink of this branch for datagrams
  datagramSink,
)
// WireGuard on TCP.
pipe(
  streams,
  // @ts-expect-error -- a route that reads datagrams
  route(when(wireguard(), echo())),
)
pipe(
  streams,
  // @ts-expect-error -- a matcher of datagrams
  route(when(quic(), echo())),
)
when(
  not(sni('a.example')),
  anyStage,
  // @ts-expect-error -- through not, and after a stage
  datagramSink,
)
when(
  remoteAddress('10.0.0.0/8'),
  // @ts-expect-error -- a stream stage in a datagram branch
  halfCloseTimeout(1_000),
  datagramSink,
)

pipe(
  listen([tcp('127.0.0.1:0'), udpEndpoint]),
  // @ts-expect-error -- what comes from both kinds of listener fits a sink for both only
  forward(tcp('10.0.0.1:80')),
)

// What datagrams alone have.
pipe(
  streams,
  // @ts-expect-error -- a filter of datagrams
  filterDatagrams(() => {}),
  echo(),
)
pipe(
  streams,
  // @ts-expect-error -- a rate of datagrams
  throttle({ datagramsPerSecond: 1 }),
  echo(),
)
pipe(
  streams,
  // @ts-expect-error -- bytes and datagrams are a rate of datagrams too
  throttle({ bytesPerSecond: 1, datagramsPerSecond: 1 }),
  echo(),
)
pipe(
  streams,
  // @ts-expect-error -- the other end of datagrams
  datagramHandler(() => {}),
)
pipe(
  generate(),
  // @ts-expect-error -- datagrams do not go into a stream
  forward(tcp('10.0.0.1:80')),
)
// @ts-expect-error -- what parseEndpoint gives may be of either kind: ask its kind first
forward(parseEndpoint('udp://10.0.0.1:80'))
// @ts-expect-error -- datagrams are not connected
forward(udpEndpoint, { connectTimeoutMs: 1 })
// @ts-expect-error -- a stream ends by itself
forward(tcp('10.0.0.1:80'), { responses: 1 })

export const served: readonly unknown[] = [
  serve(pipe(datagrams, datagramSink)),
  serve([pipe(datagrams, datagramHandler(() => {})), pipe(streams, echo())]),
]
