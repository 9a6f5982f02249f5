/**
 * Pitfalls 7, 8 and 21: sessions in which nothing can move must cost nothing, in whatever state they are. A spinning descriptor,
 * a polling timer or EPOLLOUT left on shows as wake-ups or as CPU time.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { forward, highWater, listen as listenAt, pipe, tcp, unix } from '../../lib/index.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen, type Listener, type Peer } from '../support/peers.ts'
import { pour, pouredBytes } from '../support/pour.ts'
import { socketsOf, eventually, observe, observeQuiet, settled, type Load } from '../support/proc.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { silentListener } from '../support/silent-listener.ts'

const sessions = 1000
const watchMs = 2_000

type Ends = { readonly clients: readonly Peer[]; readonly upstreams: readonly Peer[] }
type State = {
  /** Over Unix sockets, whose kernel buffers are small and which hang up whatever is still unread. */
  readonly over: 'tcp' | 'unix'
  readonly stalled?: 'clients' | 'upstreams'
  /** Brings the sessions into the state. */
  park(ends: Ends): Promise<void>
}

const stall = async (writers: readonly Peer[]): Promise<void> => {
  for (const writer of writers) pour(writer.socket)
  await settled(() => pouredBytes(writers.map((writer) => writer.socket)), 15)
}
const endAll = async (ending: readonly Peer[], seenBy: readonly Peer[]): Promise<void> => {
  await Promise.all(ending.map((peer) => peer.end()))
  for (const seen of await Promise.all(seenBy.map((peer) => peer.readAll()))) assert.equal(seen.ending, 'fin')
}

const states: Readonly<Record<string, State>> = {
  'idle': {
    over: 'tcp',
    park: async ({ clients, upstreams }) => {
      await Promise.all(clients.map((client) => client.send('x')))
      await Promise.all(upstreams.map((upstream) => upstream.read(1)))
    },
  },
  'half-closed by the downstream': { over: 'tcp', park: ({ clients, upstreams }) => endAll(clients, upstreams) },
  'half-closed by the upstream': { over: 'tcp', park: ({ clients, upstreams }) => endAll(upstreams, clients) },
  'backpressured to the upstream': { over: 'unix', stalled: 'upstreams', park: ({ clients }) => stall(clients) },
  'backpressured to the downstream': { over: 'unix', stalled: 'clients', park: ({ upstreams }) => stall(upstreams) },
  'backpressured both ways': {
    over: 'unix',
    stalled: 'clients',
    park: async ({ clients, upstreams }) => {
      for (const upstream of upstreams) upstream.pause()
      await stall([...clients, ...upstreams])
    },
  },
  'hung up by the downstream while paused': {
    over: 'unix',
    stalled: 'upstreams',
    park: async ({ clients }) => {
      await stall(clients)
      for (const client of clients) client.destroy()
      await Promise.all(clients.map((client) => client.closed))
    },
  },
  'reset by the downstream while paused': {
    over: 'unix',
    stalled: 'upstreams',
    park: async ({ clients, upstreams }) => {
      for (const client of clients) client.pause()
      await Promise.all(upstreams.map((upstream) => upstream.send('unread, so that closing is a reset')))
      await stall(clients)
      for (const client of clients) client.destroy()
      await Promise.all(clients.map((client) => client.closed))
    },
  },
  'hung up by the upstream while paused': {
    over: 'unix',
    stalled: 'clients',
    park: async ({ upstreams }) => {
      await stall(upstreams)
      for (const upstream of upstreams) upstream.destroy()
      await Promise.all(upstreams.map((upstream) => upstream.closed))
    },
  },
}

/** What the downstream may do while its upstream does not answer. */
const whileConnecting: Readonly<Record<string, (clients: readonly Peer[]) => Promise<unknown>>> = {
  'connecting': async () => undefined,
  'connecting, with bytes waiting': (clients) => Promise.all(clients.map((client) => client.send('x'.repeat(32 * 1024)))),
  'connecting, half-closed by the downstream': (clients) => Promise.all(clients.map((client) => client.end('early'))),
  'connecting, reset by the downstream': (clients) => Promise.all(clients.map((client) => {
    client.socket.write('early')
    client.reset()
    return client.closed
  })),
}

describe(`${sessions} parked sessions wake the loop fewer than 5 times a second`, function () {
  this.timeout(180_000)
  const folder = temporaryFolder()
  afterEach(destroyPeers)
  after(() => folder[Symbol.dispose]())

  for (const thread of threads) {
    for (const [name, state] of Object.entries(states)) {
      it(`${name} (${thread} thread)`, async () => {
        const path = (end: string) => join(folder.path, `${end}.sock`)
        rmSync(path('upstream'), { force: true })
        const upstream = await listen({ paused: state.stalled === 'upstreams', ...(state.over === 'unix' ? { path: path('upstream') } : {}) })
        const [from, to] = state.over === 'unix' ? [unix(path('relay')), unix(path('upstream'))] : [tcp('127.0.0.1:0'), tcp(upstream.address)]
        await using relay = await relayProcess(pipe(listenAt(from), highWater(64 * 1024), forward(to)), { thread, lingerMs: 600_000 })
        const before = socketsOf(relay.pid).length
        const ends = await establish(relay.address, upstream, state.stalled === 'clients')
        await state.park(ends)

        await staysQuiet(() => observe(relay.pid, watchMs, relay.loopThread))
        const ledger = await relay.ledger()
        assert.equal(ledger.sessions.open, sessions, JSON.stringify(ledger.reasons))
        await releaseAll(relay, before)
      })
    }

    for (const [name, leave] of Object.entries(whileConnecting)) {
      it(`${name} (${thread} thread)`, async () => {
        const silent = await silentListener()
        const upstream = forward(tcp(silent.address), { connectTimeoutMs: 120_000 })
        await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), upstream), { thread })
        const before = socketsOf(relay.pid).length
        const clients = await many(sessions, () => connect(relay.address))
        await eventually('all sessions to be connecting', async () => (await relay.ledger()).sessions.accepted === sessions)
        await leave(clients)

        await staysQuiet(() => observe(relay.pid, watchMs, relay.loopThread))
        const list = await relay.sessions()
        assert.equal(list.filter((session) => session.state === 'connecting').length, list.length)
        await relay.close(0)
        const ledger = await relay.ledger()
        assert.deepEqual([ledger.sessions.open, ledger.sessions.closed, ledger.balanced], [0, sessions, true])
        await eventually('their sockets to be closed', () => socketsOf(relay.pid).length < before)
        await silent.close()
      })
    }

    it(`timers that were set for the way to a state wake nobody in it (${thread} thread)`, async () => {
      const upstream = await listen()
      await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), forward(tcp(upstream.address), { connectTimeoutMs: 3_000 })), { thread })
      await staysQuiet(async () => {
        await establish(relay.address, upstream, false)
        return observe(relay.pid, 5_000, relay.loopThread)
      })
    })
  }
})

/** In waves, because a Unix socket refuses those that come while its queue is full. */
async function establish(address: string, upstream: Listener, paused: boolean): Promise<Ends> {
  const [clients, upstreams]: [Peer[], Peer[]] = [[], []]
  while (clients.length < sessions) {
    clients.push(...(await many(100, () => connect(address, { paused }))))
    upstreams.push(...(await many(100, () => upstream.accept())))
  }
  return { clients, upstreams }
}

const isQuiet = ({ threadWakeUpsPerSecond, cpuSeconds, seconds }: Load): boolean => threadWakeUpsPerSecond < 5 && cpuSeconds < seconds * 0.02

/** Whatever wakes the loop in a state goes on for as long as the state does: what ends before is the way there, or node that collects garbage. */
async function staysQuiet(look: () => Promise<Load>): Promise<void> {
  const load = await observeQuiet(look, isQuiet)
  const { threadWakeUpsPerSecond: wakeUps, wakeUpsPerSecond: all, cpuSeconds, seconds } = load
  const said = `${wakeUps.toFixed(1)} wake-ups/s of the loop, ${all.toFixed(1)} of all threads, ${(cpuSeconds * 1000).toFixed(0)} ms of CPU in ${seconds.toFixed(1)} s`
  console.log(`      ${said}`)
  assert.ok(isQuiet(load), said)
}

/** Every state must also have an end: all sessions go when their peers do, and nothing stays open. */
async function releaseAll(relay: RelayProcess, before: number): Promise<void> {
  await destroyPeers()
  await eventually('all sessions to end', async () => (await relay.ledger()).sessions.open === 0)
  const ledger = await relay.ledger()
  assert.ok(ledger.balanced, JSON.stringify(ledger))
  await eventually(`at most ${before} sockets to be left`, () => socketsOf(relay.pid).length <= before)
}
