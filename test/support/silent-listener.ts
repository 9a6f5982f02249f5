/**
 * A black hole on the loopback: a listener that never accepts and whose accept queue is full, so the kernel drops further SYNs
 * (listen(2), tcp(7)). It lives in a worker that blocks, because Node accepts whatever it can.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { connect } from './peers.ts'

export type SilentListener = { readonly address: string; readonly close: () => Promise<void> }

const source = `
  const { parentPort, workerData } = require('node:worker_threads')
  const server = require('node:net').createServer()
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(workerData, 0, 0)
    process.exit()
  })`

export async function silentListener(): Promise<SilentListener> {
  const bell = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(source, { eval: true, workerData: bell })
  const port = await new Promise<unknown>((resume) => worker.once('message', resume))
  const address = `127.0.0.1:${Number(port)}`
  // A queue of 1 holds 2 connections (the kernel asks for "more than", not "as many as").
  await connect(address)
  await connect(address)
  return {
    address,
    async close() {
      const exited = once(worker, 'exit')
      Atomics.store(bell, 0, 1)
      Atomics.notify(bell, 0)
      await exited
    },
  }
}
