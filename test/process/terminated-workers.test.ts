/** A worker may be terminated at any moment, also while it sets up a relay; that is an end, not a crash of the process. */
import assert from 'node:assert/strict'
import { child, root } from '../support/child.ts'

const rounds = 60

/** All kinds of loops, begun and closed as fast as they can be; the worker says when it is at it. */
const worker = `
  import('file://${root}dist/index.js').then(async ({ echo, listen, pipe, serve, tcp }) => {
    require('node:worker_threads').parentPort.postMessage('at it')
    const pipeline = pipe(listen(tcp('127.0.0.1:0')), echo())
    for (let i = 0; ; i++) {
      const server = await serve(pipeline, [{ thread: 'embedded' }, { thread: 'own' }, { shards: 3 }][i % 3])
      await server.close({ drainMs: 0 })
    }
  })`

const script = `
  const { once } = require('node:events')
  const { Worker } = require('node:worker_threads')
  const lane = async (count) => {
    for (let i = 0; i < count; i++) {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
      await once(worker, 'message')
      await new Promise((resume) => setTimeout(resume, Math.random() * 20))
      await worker.terminate()
    }
  }
  Promise.all([lane(${rounds / 2}), lane(${rounds / 2})]).then(() => console.log('survived'))`

describe('workers', () => {
  it(`${rounds} terminated while they set up and close relays leave a process that ends with code 0`, async function () {
    this.timeout(120_000)
    await using parent = child(process.execPath, ['-e', script])
    assert.deepEqual(await parent.exited, { code: 0, signal: null }, parent.stderr())
    assert.equal(parent.stdout(), 'survived\n')
  })
})
