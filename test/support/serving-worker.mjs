/**
 * A worker that serves every kind of pipeline, on its own threads, two shards of them, or embedded, and posts where. Plain JS on the built library, so that
 * hundreds of them start in no time. `workerData.inHandler` says what a handler does to the worker itself, once bytes come.
 */
import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { choose, decide, discard, echo, forward, highWater, inspect, listen, pass, pipe, serve, socks5, stream, tcp, throttle, transform } from '../../dist/index.js'

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

// A proxy whose clients, here too, ask for one name after the other, so that there is always one that is being looked up.
const proxy = await serve(pipe(source, socks5()), { thread: own ? 'own' : 'embedded', onEvents: () => undefined, resolver: async () => { await turn(); return [{ address: '127.0.0.1', ttl: 1 }] } })
let [names, closing] = [0, false]
function ask() {
  if (closing) return
  const name = `n${names++}.example`
  const socket = connect(proxy.addresses[0].port, '127.0.0.1', () => socket.write(Buffer.concat([Buffer.from([5, 1, 0, 5, 1, 0, 3, name.length]), Buffer.from(name), Buffer.from([0, 80])])))
  socket.on('error', () => undefined).on('close', ask).resume()
}
for (let i = 0; i < 4; i++) ask()

parentPort.postMessage([...outer.addresses, ...inner.addresses].map(({ port }) => port))
parentPort.on('message', async () => {
  closing = true
  await Promise.all([outer.close({ drainMs: 0 }), inner.close({ drainMs: 0 }), proxy.close({ drainMs: 0 })])
  parentPort.close()
})
