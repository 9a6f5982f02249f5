/** Options: names and types are known to the compiler. Nothing here runs. */
import { echo, filterDatagrams, forward, generate, inspect, keepAlive, limit, listen, otherwise, pass, pipe, prefix, regexp, route, serve, tcp, throttle, transform, unix, when, close } from '../../lib/index.ts'

const endpoint = unix('/run/x.sock')

// @ts-expect-error -- maxSession
limit({ maxSession: 1 })
// @ts-expect-error -- a string
limit({ maxSessions: '1' })
// @ts-expect-error -- bytesPerSecond is missing
throttle({ burstBytes: 1 })
// @ts-expect-error -- a third direction
throttle({ bytesPerSecond: 1, direction: 'upstream' })
// @ts-expect-error -- a throttle without a rate
throttle({})
// @ts-expect-error -- a burst without its rate
throttle({ bytesPerSecond: 1, burstDatagrams: 1 })
// @ts-expect-error -- it is called sizeBytes
generate({ size: 64 })
// @ts-expect-error -- a direction has another name
filterDatagrams({ upstream: () => {} })
// @ts-expect-error -- seconds, not milliseconds
keepAlive({ idleMs: 1 })
// @ts-expect-error -- connectTimeout
forward(endpoint, { connectTimeout: 1 })
// @ts-expect-error -- undefined is not "left out"
forward(endpoint, { retries: undefined })
// @ts-expect-error -- maxByte
inspect({ maxByte: 1 }, () => pass())
// @ts-expect-error -- upstream
transform({ upstream: () => null })
// @ts-expect-error -- a number
prefix(1)
// @ts-expect-error -- a text is no expression
regexp('^GET ')
// @ts-expect-error -- dualstack
listen(endpoint, { dualstack: true })
// @ts-expect-error -- a source is no pipeline
void serve(listen(endpoint))
// @ts-expect-error -- threads
void serve(pipe(listen(tcp(':0')), echo()), { thread: 'many' })

route(
  // @ts-expect-error -- otherwise is the last
  otherwise(close()),
  when(prefix('a'), echo()),
)
route(
  when(prefix('a'), echo()),
  // @ts-expect-error -- a sink is no branch
  close(),
)
when(
  // @ts-expect-error -- a stage is no matcher
  limit({ maxSessions: 1 }),
  echo(),
)
// @ts-expect-error -- the one way is nftables
void serve(pipe(listen(tcp(':0')), echo()), { offload: true })
