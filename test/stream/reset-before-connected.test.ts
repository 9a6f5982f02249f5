/**
 * pitfalls 10: the handshake, bytes and a reset can all be there before the relay has looked at its socket once. It is made so here by
 * blocking the thread of an embedded relay, right after it has begun to connect, until the upstream in another thread is done.
 */
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { decide, forward, listen as from, pass, pipe, tcp } from '../../lib/index.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { withRelay } from '../support/relay.ts'

const source = `
  const { parentPort, workerData: { done, bytes } } = require('node:worker_threads')
  const server = require('node:net').createServer({ noDelay: true }, (socket) => {
    Atomics.add(done, 1, 1)
    socket.write('e'.repeat(bytes))
    socket.resetAndDestroy()
    socket.on('close', () => { Atomics.store(done, 0, 1); Atomics.notify(done, 0) })
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))`

describe('an upstream that was connected, spoke and reset before the relay looked', () => {
  for (const bytes of [0, 6, 60_000]) {
    it(`is heard and then its reset goes on, after ${bytes} bytes`, async () => {
      const done = new Int32Array(new SharedArrayBuffer(8))
      const worker = new Worker(source, { eval: true, workerData: { done, bytes } })
      const port = await new Promise<unknown>((resume) => worker.once('message', resume))
      let waited = ''
      const pipeline = pipe(
        from(tcp('127.0.0.1:0')),
        decide(() => {
          setImmediate(() => { waited = Atomics.wait(done, 0, 0, 5_000) })
          return pass()
        }),
        forward(tcp(`127.0.0.1:${Number(port)}`)),
      )
      try {
        await withRelay(pipeline, {}, async (relay) => {
          const report = await (await rawPeer(relay.address)).report()
          assert.notEqual(waited, 'timed-out', 'the upstream was done before the relay went on')
          assert.deepEqual({ bytes: report.bytes, ending: report.ending }, { bytes, ending: 'ECONNRESET' })
          assert.equal((await relay.close()).reason, 'resetByUpstream')
          assert.equal(Atomics.load(done, 1), 1, 'a connection that stood is not tried again')
        })
      } finally {
        await worker.terminate()
      }
    })
  }
})
