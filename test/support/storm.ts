/**
 * `storm.ts WORKERS SEED`: in a process of its own, so that a crash is seen, workers serve and are ended at random points with live sessions.
 * Prints what was done as JSON; anything that is left open, or a client that is left waiting, makes it fail.
 */
import { connect, createServer, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { descriptors, openedSince } from './descriptors.ts'
import { random, type Random } from './seeded.ts'
import { until, within } from './until.ts'

const [workers = 200, seed = 1] = process.argv.slice(2).map(Number)
const kinds = ['own thread', 'embedded', 'inspect', 'decide', 'transform', 'stream', 'both'] as const
const ways = ['terminate', 'exit', 'throw', 'close and terminate'] as const
const atOnce = 8
const clientsEach = 10

const done: Record<string, number> = {}
const count = (what: string): void => void (done[what] = (done[what] ?? 0) + 1)

const upstream = createServer((socket) => void socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1')
await new Promise((resolve) => upstream.once('listening', resolve))
const address = upstream.address()
if (address === null || typeof address === 'string') throw new Error('the upstream has no port')
const upstreamAddress = `127.0.0.1:${address.port}`

async function one(chance: Random, kind: (typeof kinds)[number]): Promise<void> {
  const worker = new Worker(new URL('./storm-worker.mjs', import.meta.url), { workerData: { kind, upstream: upstreamAddress }, execArgv: [], stderr: true })
  const gone = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  worker.on('error', () => undefined)
  if (chance.chance(0.15)) {
    // While it starts: somewhere between loading the addon and listening.
    await new Promise((resolve) => setTimeout(resolve, chance.below(80)))
    await worker.terminate()
    count('ended while starting')
    return
  }
  const ports = await within(new Promise<readonly number[]>((resolve) => worker.once('message', resolve)), `a ${kind} worker to listen`, 60_000)

  // A round trip after another on each client; the end comes at one of the first echoes, whichever client it is for.
  let echoesLeft = chance.below(60)
  let end: () => void = () => undefined
  const itIsTime = new Promise<void>((resolve) => (end = resolve))
  if (echoesLeft === 0) end()
  const clients = ports.flatMap((port) => Array.from({ length: clientsEach }, () => pingPong(port, chance, () => {
    if (--echoesLeft === 0) end()
  })))
  await within(itIsTime, `echoes of a ${kind} worker`, 60_000)

  const way = chance.pick(ways)
  if (way === 'exit' || way === 'throw') worker.postMessage(way)
  else {
    if (way === 'close and terminate') worker.postMessage('close')
    await worker.terminate()
  }
  await within(gone, `a ${kind} worker to be gone (${way})`, 60_000)
  await within(Promise.all(clients), `the clients of a ${kind} worker to be let go (${way})`, 60_000)
  count(kind)
  count(way)
}

/** Resolves when its connection is over, one way or the other. */
function pingPong(port: number, chance: Random, onEcho: () => void): Promise<void> {
  const bytes = Buffer.alloc(chance.logarithmic(1, 100_000), 'x')
  const socket: Socket = connect(port, '127.0.0.1', () => socket.write(bytes))
  let missing = bytes.length
  socket.on('data', (chunk) => {
    missing -= chunk.length
    if (missing > 0) return
    missing = bytes.length
    onEcho()
    socket.write(bytes)
  })
  return new Promise((resolve) => socket.on('error', () => undefined).once('close', () => resolve()))
}

/** The first worker opens what stays open for good, like libuv's own descriptors for signals. */
await one(random(seed), 'own thread')
const before = descriptors()
let next = 0
await Promise.all(Array.from({ length: atOnce }, async () => {
  for (let i = next++; i < workers; i = next++) await one(random(seed, i), kinds[i % kinds.length] ?? 'embedded')
}))
await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
upstream.close()
console.log(JSON.stringify(done))
