/** Proxies, ours and those on the way: what is misplaced is refused at its place. Nothing here runs. */
import { allow, close, forward, httpConnect, httpProxy, idleTimeout, limit, listen, otherwise, pass, pipe, inspect, route, sni, socks5, socks5Proxy, tcp, throttle, transform, unix, user, when } from '../../lib/index.ts'
import type { Pipeline, ProxyOptions, Via } from '../../lib/index.ts'
import { datagramStage, udpEndpoint } from './parts.ts'

const streams = listen(tcp('127.0.0.1:0'))
const datagrams = listen(udpEndpoint)
const upstream = tcp('10.0.0.1:80')

// What has to be accepted.
const chain: readonly Via[] = [socks5Proxy('127.0.0.1:1080'), httpProxy('[::1]:3128', { user: 'ada', password: 'secret' })]
const options: ProxyOptions = {
  auth: [user('ada', 'secret', throttle({ bytesPerSecond: 1 }), limit({ maxSessions: 1 }), allow('10.0.0.0/8'), transform({ toUpstream: (chunk) => chunk })), user('bob', 'p')],
  allow: ['0.0.0.0/0'], deny: ['10.0.0.0/8'], ports: [443, '8000-8999'], via: chain, sourceAddress: '127.0.0.1',
}
export const accepted: readonly Pipeline<'stream'>[] = [
  pipe(streams, socks5()),
  pipe(streams, allow('10.0.0.0/8'), inspect(() => pass()), httpConnect(options)),
  pipe(listen(unix('/run/x.sock')), socks5({ auth: { ada: 'secret' } })),
  pipe(streams, route(when(sni('a.example'), forward(upstream, { via: httpProxy('127.0.0.1:3128') })), otherwise(socks5(options)))),
  pipe(streams, forward(upstream, { via: chain, proxyProtocol: 2 })),
]

// On a UDP listener.
pipe(
  datagrams,
  // @ts-expect-error -- a proxy of streams
  socks5(),
)
pipe(
  datagrams,
  // @ts-expect-error -- and another
  httpConnect(),
)
pipe(
  datagrams,
  // @ts-expect-error -- in a branch, too
  route(otherwise(socks5())),
)

// Behind the sink.
pipe(
  streams,
  socks5(),
  // @ts-expect-error -- a stage of a user stands in user(…)
  idleTimeout(1_000),
)
pipe(
  streams,
  httpConnect(),
  // @ts-expect-error -- where it leads the client says
  forward(upstream),
)

// Users.
// @ts-expect-error -- without a password
user('ada')
// @ts-expect-error -- a number
user('ada', 1)
user(
  'ada',
  'secret',
  // @ts-expect-error -- a stage of datagrams
  datagramStage,
)
user(
  'ada',
  'secret',
  // @ts-expect-error -- a sink is no stage
  close(),
)
// @ts-expect-error -- names and passwords, or users
socks5({ auth: ['ada'] })
// @ts-expect-error -- a password is text
socks5({ auth: { ada: 1 } })
pipe(
  streams,
  // @ts-expect-error -- a user is no part of a chain
  user('ada', 'secret'),
  close(),
)

// Options.
// @ts-expect-error -- it is called auth
socks5({ users: { ada: 'secret' } })
// @ts-expect-error -- not in a list
socks5({ allow: '10.0.0.0/8' })
// @ts-expect-error -- not in a list
httpConnect({ ports: 443 })
// @ts-expect-error -- true or false
httpConnect({ openProxy: 'yes' })
// @ts-expect-error -- undefined is not "left out"
socks5({ retries: undefined })

// Proxies on the way.
// @ts-expect-error -- to a UDP endpoint
forward(udpEndpoint, { via: socks5Proxy('127.0.0.1:1080') })
// @ts-expect-error -- an endpoint is no proxy
forward(upstream, { via: tcp('127.0.0.1:1080') })
// @ts-expect-error -- nor is an address
forward(upstream, { via: ['127.0.0.1:1080'] })
// @ts-expect-error -- and no proxy server of ours
forward(upstream, { via: socks5() })
// @ts-expect-error -- it is called user
httpProxy('127.0.0.1:3128', { username: 'ada' })
// @ts-expect-error -- an address as text
socks5Proxy(tcp('127.0.0.1:1080'))
