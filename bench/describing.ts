/** What it costs to describe a pipeline, to make its plan and to explain it: paid once, before the first byte. */
import type { Bench } from 'tinybench'
import { compile } from '../lib/compile.ts'
import { allow, close, explain, forward, idleTimeout, listen, otherwise, pipe, route, sni, tcp, when } from '../lib/index.ts'
import type { Pipeline } from '../lib/index.ts'

const portForward = (): Pipeline<'stream'> =>
  pipe(listen(tcp('127.0.0.1:8080')), allow('10.0.0.0/8', '192.168.1.0/24'), idleTimeout(60_000), forward(tcp('10.0.3.14:1592')))

const router = (names: number): Pipeline<'stream'> =>
  pipe(
    listen(tcp('127.0.0.1:443')),
    route(...Array.from({ length: names }, (_, i) => when(sni(`host${i}.example`), forward(tcp(`10.0.0.${i % 250}:443`)))), otherwise(close())),
  )

export function addDescribing(bench: Bench): void {
  const [simple, large] = [portForward(), router(100)]
  bench.add('pipe: a port-forward', () => portForward())
  bench.add('pipe: an SNI router with 100 names', () => router(100))
  bench.add('compile: a port-forward', () => compile(simple))
  bench.add('compile: an SNI router with 100 names', () => compile(large))
  bench.add('explain: a port-forward', () => explain(simple))
  bench.add('explain: an SNI router with 100 names', () => explain(large))
}
