/** The order of parts in a chain: every mistake is refused at the part that is misplaced. Nothing here runs. */
import { allow, close, decide, echo, forward, idleTimeout, inspect, keepAlive, listen, otherwise, pass, pipe, route, sni, tcp, transform, when } from '../../lib/index.ts'
import type { Endpoint, Kind, Pipeline, Sink, Source, Stage } from '../../lib/index.ts'

const upstream = tcp('10.0.0.1:80')
const stages: readonly Stage<'stream'>[] = [allow('10.0.0.0/8'), idleTimeout(1_000)]
const source = listen(tcp('127.0.0.1:0'))

// What has to be accepted.
export const accepted: readonly Pipeline<'stream'>[] = [
  pipe(source, forward(upstream)),
  pipe(source, allow('10.0.0.0/8'), inspect(() => pass()), decide(async () => pass()), transform({ toUpstream: (chunk) => chunk }), forward(upstream)),
  pipe(source, ...stages, forward(upstream)),
  pipe(source, keepAlive(), ...stages, idleTimeout(5), echo()),
  pipe(listen([tcp('127.0.0.1:0'), tcp('[::1]:0')]), route(when(sni('a.example'), ...stages, forward(upstream)), otherwise(close()))),
]

/** A module may be generic in the kind. */
export function guarded<K extends Kind>(from: Source<K>, into: Sink<K>): Pipeline<K> {
  return pipe(from, allow('10.0.0.0/8'), into)
}
export const guardedStream: Pipeline<'stream'> = guarded(source, forward(upstream))

/** And it may take its parts as parameters. */
export function portForward(at: Endpoint<'stream'>, ...before: readonly Stage<'stream'>[]): Pipeline<'stream'> {
  return pipe(listen(at), ...before, forward(upstream))
}

// A missing sink.
// @ts-expect-error -- one part at least has to follow the source
pipe(source)
pipe(
  source,
  allow('10.0.0.0/8'),
  // @ts-expect-error -- the last part is a stage
  idleTimeout(1_000),
)
pipe(
  source,
  // @ts-expect-error -- an array of stages and no sink
  ...stages,
)
when(
  sni('a.example'),
  // @ts-expect-error -- a branch needs a sink too
  allow('10.0.0.0/8'),
)
otherwise(
  // @ts-expect-error -- and so does the last one
  allow('10.0.0.0/8'),
)

// A part after the sink.
pipe(
  source,
  allow('10.0.0.0/8'),
  forward(upstream),
  // @ts-expect-error -- a stage after the sink
  idleTimeout(1_000),
)
pipe(
  source,
  forward(upstream),
  // @ts-expect-error -- a second sink
  close(),
)
when(
  sni('a.example'),
  forward(upstream),
  // @ts-expect-error -- in a branch too
  allow('10.0.0.0/8'),
)

// Something that is no part.
pipe(
  source,
  // @ts-expect-error -- an endpoint is no sink
  upstream,
)
pipe(
  source,
  // @ts-expect-error -- the array has to be spread
  stages,
  forward(upstream),
)
pipe(
  // @ts-expect-error -- an endpoint is no source
  upstream,
  forward(upstream),
)
pipe(
  source,
  // @ts-expect-error -- a matcher is no stage
  sni('a.example'),
  forward(upstream),
)
