/**
 * A session to an upstream that accepts, sends so many bytes and resets before the relay has looked at its socket again: the thread of
 * an embedded relay is blocked, right after it has begun to connect, until the upstream in another thread is done.
 */
import { Worker } from 'node:worker_threads'
import { decide, forward, listen, pass, pipe, tcp } from '../../lib/index.ts'
import { rawPeer } from './raw-peer.ts'
import { withRelay } from './relay.ts'

export type Heard = { readonly bytes: number; readonly ending: string; readonly reason: string; readonly connections: number }

const source = `
  const { parentPort, workerData: { done, bytes, host } } = require('node:worker_threads')
  const server = require('node:net').createServer({ noDelay: true }, (socket) => {
    Atomics.add(done, 1, 1)
    socket.write('e'.repeat(bytes))
    socket.resetAndDestroy()
    socket.on('close', () => { Atomics.store(done, 0, 1); Atomics.notify(done, 0) })
  })
  server.listen(0, host, () => parentPort.postMessage(server.address().port))`

export async function spokeAndReset(host: string, bytes: number): Promise<Heard> {
  const done = new Int32Array(new SharedArrayBuffer(8))
  const worker = new Worker(source, { eval: true, workerData: { done, bytes, host } })
  let heard: Heard | undefined
  let waited = ''
  try {
    const port = await new Promise<unknown>((resume) => worker.once('message', resume))
    const pipeline = pipe(
      listen(tcp('127.0.0.1:0')),
      decide(() => {
        setImmediate(() => { waited = Atomics.wait(done, 0, 0, 5_000) })
        return pass()
      }),
      forward(tcp(`${host}:${Number(port)}`)),
    )
    await withRelay(pipeline, {}, async (relay) => {
      const report = await (await rawPeer(relay.address)).report()
      heard = { bytes: report.bytes, ending: report.ending, reason: (await relay.close()).reason, connections: Atomics.load(done, 1) }
    })
  } finally {
    await worker.terminate()
  }
  if (!heard || waited === 'timed-out') throw new Error('the upstream was not done before the relay went on')
  return heard
}
