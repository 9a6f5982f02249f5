/**
 * A worker that serves every kind of pipeline, on its own threads, two shards of them, or embedded, and posts where. Plain JS on the built library, so that
 * hundreds of them start in no time. `workerData.inHandler` says what a handler does to the worker itself, once bytes come.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { choose, decide, discard, echo, forward, highWater, inspect, listen, pass, pipe, serve, stream, tcp, throttle, transform } from '../../dist/index.js'

const { own, inHandler } = workerData
const source = listen(tcp('127.0.0.1:0'))
const turn = () => new Promise((resume) => setImmediate(resume))

function meet() {
  if (inHandler === 'spin') {
    parentPort.postMessage('spinning')
    for (;;);
  }
  if (inHandler === 'exit') process.exit()
  if (inHandler === 'throw') setTimeout(() => { throw new Error('on purpose') })
}

const inner = await serve(pipe(source, echo()), { thread: own ? 'own' : 'embedded', onEvents: () => undefined })
const upstream = inner.addresses[0].text
const native = [
  pipe(source, forward(tcp(upstream))),
  pipe(source, highWater(4_096), throttle({ bytesPerSecond: 1_000_000 }), forward(tcp(upstream))),
  pipe(source, echo()),
  pipe(source, discard()),
]
const js = [
  pipe(source, inspect(() => { meet(); return pass() }), transform({ toUpstream: (chunk) => chunk, toDownstream: (chunk) => Buffer.from(chunk) }), forward(tcp(upstream))),
  pipe(source, decide(async () => { await turn(); return pass() }), choose({ on: forward(tcp(upstream)) }, async () => { await turn(); return 'on' })),
  pipe(source, decide(() => new Promise(() => undefined)), echo()),
  pipe(source, highWater(4_096), stream({ data: (session, chunk) => { meet(); if (session.write(chunk)) session.pause() }, drain: (session) => { session.resume() }, close: () => void inner.ledger() })),
]
const outer = await serve(own ? native : js, { ...(own ? { shards: 2 } : {}), onEvents: () => undefined, onError: () => undefined })
parentPort.postMessage([...outer.addresses, ...inner.addresses].map(({ port }) => port))
parentPort.on('message', async () => {
  await Promise.all([outer.close({ drainMs: 0 }), inner.close({ drainMs: 0 })])
  parentPort.close()
})
