// A worker that serves until it is ended from outside, or ends itself when it is told how. It runs the built library: a worker starts
// in milliseconds so, and two hundred of them in seconds.
import { parentPort, workerData } from 'node:worker_threads'
import { decide, echo, forward, inspect, listen, pass, pipe, serve, stream, tcp, transform } from '../../dist/index.js'

const { kind, upstream } = workerData
const source = listen(tcp('127.0.0.1:0'))
const sink = forward(tcp(upstream))

const pipelines = {
  'own thread': { pipeline: pipe(source, sink), thread: 'own' },
  'embedded': { pipeline: pipe(source, sink), thread: 'embedded' },
  'inspect': { pipeline: pipe(source, inspect(() => pass()), sink) },
  'decide': { pipeline: pipe(source, decide(() => new Promise((resolve) => setTimeout(resolve, 1, pass()))), sink) },
  'transform': { pipeline: pipe(source, transform({ toUpstream: (chunk) => chunk, toDownstream: (chunk) => Buffer.from(chunk) }), sink) },
  'stream': { pipeline: pipe(source, stream({ data: (session, chunk) => void session.write(chunk) })) },
  'both': { pipeline: [pipe(source, echo()), pipe(source, stream({ data: (session, chunk) => void session.write(chunk) }))] },
}

const { pipeline, thread = 'auto' } = pipelines[kind]
const server = await serve(pipeline, { thread, onEvents: () => undefined })

parentPort.on('message', (how) => {
  if (how === 'exit') process.exit(0)
  if (how === 'throw') throw new Error('thrown by the test')
  if (how === 'close') void server.close({ drainMs: 60_000 })
})
parentPort.postMessage(server.addresses.map((address) => address.port))
