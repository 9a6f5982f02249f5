/** `offload-worker.mjs LISTEN UPSTREAM`: offloads in a worker that is terminated, then in this thread, and leaves by process.exit(). */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { forward, listen, parseEndpoint, pipe, serve } from '../../dist/index.js'

const [from, to] = process.argv.slice(2).map((url) => parseEndpoint(url))
const start = () => serve(pipe(listen(from), forward(to)), { offload: 'nftables' })
const tables = () => execFileSync('nft', ['list', 'tables'], { encoding: 'utf8', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } }).split('millrace_').length - 1

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
  await once(worker, 'message')
  await worker.terminate()
  const afterTerminate = tables()
  const server = await start()
  try {
    server.endSession(0)
  } catch (error) {
    console.log(`endSession: ${error.code}: ${error.message}`)
  }
  console.log(`explain: ${server.explain.split('\n').at(-1)}`)
  console.log(`served twice: ${JSON.stringify({ afterTerminate, afterSecond: tables() })}`)
  process.exit()
}
await start()
parentPort.postMessage('serving')
