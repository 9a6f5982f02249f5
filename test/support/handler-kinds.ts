/**
 * Every kind of handler that is called for a session, and a way to have it called for several sessions in one crossing: what is
 * sent in one stretch of JS is all there when the loop next turns, because the loop turns on the same thread.
 */
import assert from 'node:assert/strict'
import {
  choose, decide, forward, highWater, inspect, listen as from, pass, pipe, stream, tcp, throttle, transform,
  type Pipeline, type ServeOptions, type Session, type StreamHandlers,
} from '../../lib/index.ts'
import { connect, listen, type Peer } from './peers.ts'
import { withRelay, type TestRelay } from './relay.ts'
import { until } from './until.ts'

/** Called by the handler in question; what it throws, the handler throws. */
export type Act = (session: Session) => void

export type HandlerKind = {
  readonly name: string
  readonly pipeline: (act: Act, upstream: string) => Pipeline<'stream'>
  /** What makes the handler run: that they connect, something the clients do, or an answer of the upstream. */
  readonly provokedBy: 'connect' | 'bytes' | 'answer' | 'end' | 'reset'
  /** How many bytes a session that is let alone gives back before the answer to what is sent next. */
  readonly before: number
  /** The session is over when it is called. */
  readonly late?: true
}

const source = from(tcp('127.0.0.1:0'))
const greeting = 'hello'
const echoing: Pick<StreamHandlers, 'data'> = { data: (session, chunk) => void session.write(chunk) }
const large = Buffer.alloc(16_384, 'w')
/** Has 16 KiB wait for the bucket, all sessions for as long, so that they drain in the same turn. */
const slowly = [highWater(4_096), throttle({ bytesPerSecond: 200_000, burstBytes: 4_096, direction: 'toDownstream' })] as const

/** Answers with one large write, and then echoes. */
const draining = (act: Act): StreamHandlers => ({
  data: (session, chunk) => {
    if (session.state.has('drained')) session.write(chunk)
    else assert.equal(session.write(large), true, 'a write over the mark says to wait')
  },
  drain: (session) => {
    if (session.state.has('drained')) return
    session.state.set('drained', true)
    act(session)
  },
})

export const handlerKinds: readonly HandlerKind[] = [
  { name: 'inspect', provokedBy: 'bytes', before: 5, pipeline: (act, upstream) => pipe(source, inspect((_head, session) => { act(session); return pass() }), forward(tcp(upstream))) },
  { name: 'decide, at once', provokedBy: 'connect', before: 0, pipeline: (act, upstream) => pipe(source, decide((_head, session) => { act(session); return pass() }), forward(tcp(upstream))) },
  { name: 'decide, at once and with bytes', provokedBy: 'bytes', before: 5, pipeline: (act, upstream) => pipe(source, decide({ minBytes: 5 }, (_head, session) => { act(session); return pass() }), forward(tcp(upstream))) },
  { name: 'decide, by a promise', provokedBy: 'connect', before: 0, pipeline: (act, upstream) => pipe(source, decide(async (_head, session) => { act(session); return pass() }), forward(tcp(upstream))) },
  { name: 'choose, at once', provokedBy: 'connect', before: 0, pipeline: (act, upstream) => pipe(source, choose({ on: forward(tcp(upstream)) }, (_head, session) => { act(session); return 'on' })) },
  { name: 'choose, by a promise', provokedBy: 'bytes', before: 5, pipeline: (act, upstream) => pipe(source, choose({ on: forward(tcp(upstream)) }, { minBytes: 1 }, async (_head, session) => { act(session); return 'on' as const })) },
  { name: 'transform to the upstream', provokedBy: 'bytes', before: 5, pipeline: (act, upstream) => pipe(source, transform({ toUpstream: (chunk, session) => { act(session); return chunk } }), forward(tcp(upstream))) },
  { name: 'transform to the downstream', provokedBy: 'answer', before: 5, pipeline: (act, upstream) => pipe(source, transform({ toDownstream: (chunk, session) => { act(session); return chunk } }), forward(tcp(upstream))) },
  { name: 'the factory of a stream', provokedBy: 'connect', before: 0, pipeline: (act) => pipe(source, stream((session) => { act(session); return echoing })) },
  { name: 'open of a stream', provokedBy: 'connect', before: 0, pipeline: (act) => pipe(source, stream({ ...echoing, open: (session) => { act(session) } })) },
  { name: 'data of a stream', provokedBy: 'bytes', before: 5, pipeline: (act) => pipe(source, stream({ data: (session, chunk) => { act(session); session.write(chunk) } })) },
  { name: 'end of a stream', provokedBy: 'end', before: 0, pipeline: (act) => pipe(source, stream({ ...echoing, end: (session) => { act(session); session.end('bye') } })) },
  { name: 'drain of a stream', provokedBy: 'bytes', before: large.length, pipeline: (act) => pipe(source, ...slowly, stream(draining(act))) },
  { name: 'close of a stream', provokedBy: 'reset', before: 0, late: true, pipeline: (act) => pipe(source, stream({ ...echoing, close: (session) => { act(session) } })) },
]

/** Sessions in a batch: enough for a first, a last, and some between. */
export const batchSize = 5
export const places = [['first', 0], ['middle', 2], ['last', batchSize - 1]] as const

export type Batch = {
  readonly relay: TestRelay
  readonly upstream: string
  /** In the order in which their handler was called. */
  readonly sessions: readonly Session[]
  /** The client of a session. */
  readonly clientOf: (session: Session) => Peer
  /** That the session in that place works: what its client sends comes back, or the FIN is answered; ended by its client then. */
  readonly worksOn: (place: number) => Promise<void>
}

/** Serves a pipeline with a handler of this kind, has it called for `batchSize` sessions in one crossing, in which `act` knows its place, and runs the body. */
export async function inOneBatch(
  kind: HandlerKind,
  act: (session: Session, place: number, relay: TestRelay) => void,
  body: (batch: Batch) => Promise<void>,
  serving: ServeOptions = {},
): Promise<void> {
  const upstreams: Peer[] = []
  const upstream = await listen({ onPeer: (peer) => {
    upstreams.push(peer)
    peer.socket.on('data', (chunk) => void peer.socket.write(chunk)).on('end', () => void peer.socket.end())
  } })
  const sessions: Session[] = []
  const crossings = new Set<number>()
  let crossing = 0
  let relay: TestRelay | undefined
  // Microtasks run when a crossing is over, so what is called before the next one is called in the same.
  const called: Act = (session) => {
    if (sessions.length >= batchSize || sessions.includes(session)) return
    if (!crossings.has(crossing)) queueMicrotask(() => { crossing++ })
    crossings.add(crossing)
    sessions.push(session)
    assert(relay)
    act(session, sessions.length - 1, relay)
  }
  await withRelay(kind.pipeline(called, upstream.address), { debug: true, ...serving }, async (it) => {
    relay = it
    const clients = await Promise.all(Array.from({ length: batchSize }, () => connect(it.address)))
    const addresses = clients.map(({ socket }) => `127.0.0.1:${socket.localPort ?? 0}`)
    if (kind.provokedBy !== 'connect') await begun(kind, it, upstreams)
    for (const peer of kind.provokedBy === 'answer' ? upstreams : clients) provoke(kind, peer)
    await until(() => sessions.length === batchSize, () => `${batchSize} calls of ${kind.name}, there were ${sessions.length}`)
    assert.equal(crossings.size, 1, 'all were called in one crossing')
    const clientOf = (session: Session): Peer => {
      // One that was reset before Node knew that it is connected has no address; arrivals are accepted in their order.
      const client = kind.provokedBy === 'connect' ? clients[sessions.indexOf(session)] : clients.find((_, i) => addresses[i] === session.downstream)
      assert(client, `no client at ${session.downstream}`)
      return client
    }
    const worksOn = async (place: number): Promise<void> => {
      const session = sessions[place]
      assert(session)
      const client = clientOf(session)
      if (kind.late === true) return
      if (kind.provokedBy === 'end') {
        const { text, ending } = await client.readAll()
        assert.deepEqual([text, ending], ['bye', 'fin'])
        return
      }
      await client.read(kind.before)
      await client.send('still there')
      assert.equal((await client.read(11)).toString(), 'still there')
      await client.end()
      assert.equal((await client.readAll()).ending, 'fin')
    }
    await body({ relay: it, upstream: upstream.address, sessions, clientOf, worksOn })
  })
}

/** Before something is provoked at once, the sessions have to be where it will find them. */
async function begun(kind: HandlerKind, relay: TestRelay, upstreams: readonly Peer[]): Promise<void> {
  await until(() => relay.server.ledger().sessions.open === batchSize, 'the sessions to be accepted')
  if (kind.provokedBy !== 'answer') return
  await relay.opens(batchSize)
  await until(() => upstreams.length === batchSize, 'the upstreams to be connected')
}

function provoke({ provokedBy }: HandlerKind, { socket }: Peer): void {
  switch (provokedBy) {
    case 'bytes':
    case 'answer':
      return void socket.write(greeting)
    case 'end':
      return void socket.end()
    case 'reset':
      return void socket.resetAndDestroy()
    case 'connect':
  }
}
