/**
 * Random flows through whatever stands between `connectTo` and `upstream`, each compared byte for byte by SHA-256 at both ends,
 * both ways. What flow n does follows from the seed and n alone, so one flow can be looked at again (MILLRACE_FLOW=n).
 *
 * One lane is one listener before and one behind the relay, used by one flow at a time: that is how a flow knows its upstream
 * without a byte of its own in the stream, so that flows of no bytes at all can be tried too.
 */
import { createHash, randomBytes, type Hash } from 'node:crypto'
import { once } from 'node:events'
import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { planFlow, type Flow, type Half, type Sizes } from './flow-plan.ts'
import { destination } from './peers.ts'
import { random } from './seeded.ts'
import { within } from './until.ts'

/** `what` names it where a flow went wrong. */
export type Lane = { readonly connectTo: string; readonly upstream: UpstreamLane; readonly what?: string }

/** A listener that hands over one socket at a time and complains of more. */
export type UpstreamLane = { readonly address: string; readonly next: () => Promise<net.Socket>; readonly waiting: () => number; readonly close: () => Promise<void> }

export type FlowReport = { readonly flows: number; readonly mismatches: readonly string[]; readonly bytesToUpstream: number; readonly bytesToDownstream: number }

/** What flows send: slices of this. Twice the largest flow, so that a slice can begin anywhere. */
let pool: Buffer | undefined
const poolBytes = 16 * 2 ** 20

export async function upstreamLane(path?: string): Promise<UpstreamLane> {
  const arrived: net.Socket[] = []
  let wake: ((socket: net.Socket) => void) | undefined
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => {
    socket.on('error', () => undefined) // until a flow takes it
    const taker = wake
    wake = undefined
    if (taker) taker(socket)
    else arrived.push(socket)
  })
  server.listen(path === undefined ? { host: '127.0.0.1', port: 0 } : { path })
  await once(server, 'listening')
  const bound = server.address()
  return {
    address: typeof bound === 'object' && bound !== null ? `127.0.0.1:${bound.port}` : `unix:${path ?? ''}`,
    next: () => new Promise((resume) => {
      const first = arrived.shift()
      if (first) resume(first)
      else wake = resume
    }),
    waiting: () => arrived.length,
    close: () => new Promise((resume) => {
      for (const socket of arrived) socket.destroy()
      server.close(() => { resume() })
    }),
  }
}

/** Runs flows `first` to below `first + count`, one at a time on each lane. */
export async function runFlows(lanes: readonly Lane[], seed: number, first: number, count: number, sizes: Sizes): Promise<FlowReport> {
  pool ??= randomBytes(poolBytes)
  const mismatches: string[] = []
  const only = process.env['MILLRACE_FLOW']
  let next = first
  let flows = 0
  let bytesToUpstream = 0
  let bytesToDownstream = 0
  await Promise.all(lanes.map(async (lane) => {
    while (next < first + count && mismatches.length < 3) {
      const flow = planFlow(seed, next++, sizes)
      if (only !== undefined && Number(only) !== flow.number) continue
      const wrong = await runFlow(lane, flow, seed)
      flows++
      bytesToUpstream += flow.up.bytes
      bytesToDownstream += flow.down.bytes
      if (wrong.length > 0) mismatches.push(`flow ${flow.number} (${lane.what ?? 'direct'}) ${JSON.stringify(flow)}:\n  ${wrong.join('\n  ')}`)
    }
  }))
  return { flows, mismatches, bytesToUpstream, bytesToDownstream }
}

type Side = { readonly name: string; readonly socket: net.Socket; readonly hash: Hash; received: number; sent: number; ended: boolean; error: string; wake: () => void; readonly done: Promise<void> }

async function runFlow(lane: Lane, flow: Flow, seed: number): Promise<string[]> {
  const socket = net.connect({ ...destination(lane.connectTo), allowHalfOpen: true, noDelay: true })
  const down = side('downstream', socket)
  const sending = [writeHalf(down, flow.up, random(seed, flow.number, 1))]
  read(down, flow.down, random(seed, flow.number, 2))
  let up: Side | undefined
  try {
    up = side('upstream', await within(lane.upstream.next(), 'the relay to connect to the upstream', 30_000))
    sending.push(writeHalf(up, flow.down, random(seed, flow.number, 3)))
    read(up, flow.up, random(seed, flow.number, 4))
    await within(Promise.all([...sending, down.done, up.done]), 'the flow to end', 60_000)
  } catch (error) {
    const state = [down, up].map((s) => s && `${s.name}: sent ${s.sent}, received ${s.received}, ${s.ended ? 'FIN seen' : 'no FIN'} ${s.error}`)
    return [`${String(error)}; ${state.join('; ')}`]
  } finally {
    socket.destroy()
    up?.socket.destroy()
  }
  const wrong = [...verify(up, flow.up), ...verify(down, flow.down)]
  if (lane.upstream.waiting() > 0) wrong.push('the relay connected to the upstream more than once')
  return wrong
}

function side(name: string, socket: net.Socket): Side {
  const made: Side = {
    name, socket, hash: createHash('sha256'), received: 0, sent: 0, ended: false, error: '', wake: () => undefined,
    done: new Promise((resume) => socket.once('close', () => { resume() })),
  }
  socket.on('error', (error: NodeJS.ErrnoException) => { made.error ||= error.code ?? error.message })
  return made
}

function read(to: Side, half: Half, chance: ReturnType<typeof random>): void {
  let untilPause = half.readerPausesAfter
  to.socket.on('data', (chunk: Buffer) => {
    to.hash.update(chunk)
    to.received += chunk.length
    to.wake()
    untilPause -= chunk.length
    if (untilPause > 0) return
    untilPause = half.readerPausesAfter
    to.socket.pause()
    void rest(chance.below(20)).then(() => to.socket.resume())
  })
  to.socket.once('end', () => { to.ended = true; to.wake() })
  to.socket.once('close', () => { to.wake() })
  to.socket.resume()
}

async function writeHalf(from: Side, half: Half, chance: ReturnType<typeof random>): Promise<void> {
  const { socket } = from
  const received = async (bytes: number | 'end'): Promise<void> => {
    while (!from.ended && !socket.destroyed && (bytes === 'end' || from.received < bytes)) await new Promise<void>((resume) => { from.wake = resume })
  }
  await received(half.startsAfter)
  const bytes = contents(half)
  while (from.sent < bytes.length && !socket.destroyed) {
    const size = Math.min(bytes.length - from.sent, half.chunk.least + chance.below(half.chunk.most - half.chunk.least + 1))
    const chunk = bytes.subarray(from.sent, from.sent + size)
    from.sent += size
    if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), from.done])
    if (chance.chance(half.chunk.apart)) await turn()
  }
  await received(half.endsAfter)
  socket.end()
}

function contents(half: Half): Buffer {
  if (!pool) throw new Error('no pool')
  return pool.subarray(half.at, half.at + half.bytes)
}

function verify(reader: Side, half: Half): string[] {
  const wrong: string[] = []
  if (reader.error) wrong.push(`${reader.name} ended with ${reader.error}: a clean end became an error`)
  if (!reader.ended) wrong.push(`${reader.name} saw no FIN`)
  if (reader.received !== half.bytes) wrong.push(`${reader.name} received ${reader.received} bytes of ${half.bytes}`)
  else if (reader.hash.digest('hex') !== createHash('sha256').update(contents(half)).digest('hex')) wrong.push(`${reader.name} received ${half.bytes} other bytes`)
  return wrong
}

async function rest(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await turn()
}

export { poolBytes }
