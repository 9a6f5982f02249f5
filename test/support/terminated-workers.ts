/** `terminated-workers.ts COUNT SEED`: workers that serve live sessions are terminated at random points. Prints what became of it all. */
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { descriptors, openedSince } from './descriptors.ts'
import { random } from './seeded.ts'
import { pause, until, within } from './until.ts'

const [count = NaN, seed = NaN] = process.argv.slice(2).map(Number)
const source = new URL('serving-worker.mjs', import.meta.url)
const atOnce = 4
const sessionsEach = 8
/** More than a session takes at once where it is slow. */
const block = Buffer.alloc(512 * 1024, 'millrace')
const ways = { terminated: 0, exited: 0, threw: 0, closed: 0 }
let [served, sessions, bytes] = [0, 0, 0]

async function one(number: number): Promise<void> {
  const chance = random(seed, number)
  const own = number % 2 === 0
  const inHandler = own ? undefined : chance.pick([undefined, undefined, undefined, 'spin', 'exit', 'throw'])
  const worker = new Worker(source, { execArgv: [], workerData: { own, inHandler } })
  const clients: Socket[] = []
  const closed: Promise<void>[] = []
  let [threw, spinning] = [false, false]
  const exited = new Promise<void>((resume) => { worker.once('exit', () => { resume() }) })
  const serving = new Promise<void>((resume) => {
    void exited.then(resume)
    worker.on('error', (error: Error) => { threw = true; if (error.message !== 'on purpose') throw error })
    worker.on('message', (message: unknown) => {
      if (message === 'spinning') spinning = true
      if (!Array.isArray(message)) return
      served++
      const ports = message.map(Number)
      for (let i = 0; i < sessionsEach; i++) {
        const socket = connect({ port: ports[i % ports.length] ?? 0, host: '127.0.0.1' }, () => { sessions++; socket.write(block) })
        socket.on('data', (chunk) => {
          bytes += chunk.length
          if (socket.writableLength === 0) socket.write(chunk)
        }).on('error', () => undefined)
        clients.push(socket)
        closed.push(new Promise((resume) => { socket.once('close', () => { resume() }) }))
      }
      resume()
    })
  })
  // A tenth of them end while they load and bind, the others while they relay.
  if (!chance.chance(0.1)) await serving
  if (inHandler === 'spin') await Promise.race([exited, until(() => spinning, 'the handler to spin')])
  else await Promise.race([exited, pause(chance.logarithmic(1, 100))])
  if (inHandler === undefined && chance.chance(0.1)) {
    ways.closed++
    worker.postMessage('close')
  } else if (inHandler === undefined || inHandler === 'spin' || !clients.length) {
    ways.terminated++
    void worker.terminate()
  } else {
    ways[inHandler === 'exit' ? 'exited' : 'threw']++
  }
  await within(exited, `worker ${number} to end (own ${own}, ${inHandler ?? 'nothing'} in the handler)`, 30_000)
  if (threw && inHandler !== 'throw') throw new Error(`worker ${number} met an error of ours`)
  // The kernel has told all of them, at once: nothing of the worker holds a descriptor.
  for (const client of clients) client.resume()
  await within(Promise.all(closed.map((one, i) => Promise.race([one, ended(clients[i])]))), `the clients of worker ${number} to be told`, 30_000)
  for (const client of clients) client.destroy()
  await Promise.all(closed)
}

/** A client that has not been reset reads the end. */
const ended = (socket: Socket | undefined): Promise<void> => new Promise((resume) => { socket?.once('end', () => { resume() }) })

// The first one opens what the process keeps: libuv's, and the pool's.
await one(0)
const before = descriptors()
let next = 1
await Promise.all(Array.from({ length: atOnce }, async () => {
  while (next < count) await one(next++)
}))
await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
console.log(`${count} workers: ${ways.terminated} terminated, ${ways.exited} exited, ${ways.threw} threw, ${ways.closed} closed; ${served} served ${sessions} sessions and ${bytes} bytes; no descriptor left`)
