/** Sessions of a SOCKS5 server that end at each point, or meet a kernel that is short of something. Longer than 250 lines: one such end after another. */
import assert from 'node:assert/strict'
import { listen as from, pipe, socks5, tcp, type ProxyOptions, type ServeOptions, type SessionInfo } from '../../lib/index.ts'
import { taken } from '../support/kernel.ts'
import { connect, destroyPeers, listen, type Peer } from '../support/peers.ts'
import { eventually, settled } from '../support/proc.ts'
import { relayProcess } from '../support/relay-process.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { silentListener } from '../support/silent-listener.ts'
import { ask, greeting, joined, login, readReply, reply, request } from '../support/socks.ts'
import { injected, strace } from '../support/strace.ts'
import { pause, stall, until } from '../support/until.ts'

const source = () => from(tcp('127.0.0.1:0'))
const here = { allow: ['127.0.0.0/8', '::1/128'] } as const
const resolver = async (name: string) => (name.startsWith('up.') ? [{ address: '127.0.0.1', ttl: 60 }] : [])

for (const thread of threads) {
  describe(`sessions of socks5, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const withProxy = (options: ProxyOptions, body: (relay: TestRelay) => Promise<void>, more: ServeOptions = {}) =>
      withRelay(pipe(source(), socks5(options)), { thread, resolver, ...more }, body)

    it('FIN at each point of the handshake ends the session, and so does a reset', async () => {
      const upstream = await listen()
      const all = joined(greeting(2), login('a', 'b'), request('127.0.0.1', upstream.port))
      await withProxy({ ...here, auth: { a: 'b' } }, async (relay) => {
        let count = 0
        for (let at = 0; at < all.length; at++) {
          const ended = await connect(relay.address)
          await ended.end(all.subarray(0, at))
          await ended.readAll()
          const [closed] = (await relay.closes(++count)).slice(-1)
          assert.equal(closed?.reason, 'headIncomplete', `FIN after ${at} bytes`)
          const broken = await connect(relay.address)
          if (at > 0) await broken.send(all.subarray(0, at))
          await taken(broken)
          broken.reset()
          const [gone] = (await relay.closes(++count)).slice(-1)
          assert.equal(gone?.reason, 'resetByDownstream', `reset after ${at} bytes`)
        }
        assert.equal(upstream.count(), 0)
      })
    })

    it('a client that is gone while its name is looked up, or its destination is dialled, leaves nothing behind', async () => {
      const upstream = await listen()
      const waiting: (() => void)[] = []
      const slow = () => new Promise<{ address: string; ttl: number }[]>((resume) => { waiting.push(() => resume([{ address: '127.0.0.1', ttl: 1 }])) })
      await withProxy(here, async (relay) => {
        for (const [i, leave] of [(peer: Peer) => peer.reset(), (peer: Peer) => peer.destroy()].entries()) {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(0), request(`slow${i}.example`, upstream.port), 'early'))
          await until(() => waiting.length > i, 'the name to be asked for')
          leave(peer)
          waiting[i]?.()
          const there = await upstream.accept()
          await there.readAll()
          there.destroy()
          const closed = (await relay.closes(i + 1))[i]
          assert.ok(closed?.reason === 'resetByDownstream' || closed?.reason === 'finished' || closed?.reason === 'resetByUpstream', closed?.reason)
        }
      }, { resolver: slow })
    })

    it('a client whose session is ended while its name is looked up is told that it failed', async () => {
      await withProxy(here, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(joined(greeting(0), request('slow.example', 80)))
        await until(() => relay.server.ledger().sessions.open === 1, 'the session')
        let session: SessionInfo | undefined
        await eventually('its name to be asked for', async () => ([session] = await relay.server.sessions(), session?.state === 'resolving'))
        assert(session)
        relay.server.endSession(session.id)
        await peer.end()
        assert.equal((await peer.readAll()).text, String(Buffer.concat([Buffer.from([5, 0]), reply(1)])))
        assert.equal((await relay.close()).reason, 'closedByHandler')
      }, { resolver: () => new Promise(() => undefined) })
    })

    it('half-close and reset go through, either way', async () => {
      const upstream = await listen()
      await withProxy(here, async (relay) => {
        const open = async () => {
          const peer = await connect(relay.address)
          assert.equal((await ask(peer, '127.0.0.1', upstream.port)).code, 0)
          return [peer, await upstream.accept()] as const
        }
        const [a, thereA] = await open()
        await thereA.end('only me')
        assert.equal(String(await a.read(7)), 'only me')
        await a.send('still here')
        assert.equal(String(await thereA.read(10)), 'still here')
        await a.end()
        assert.equal((await thereA.readAll()).ending, 'fin')
        assert.equal((await relay.closes(1))[0]?.reason, 'finished')
        const [b, thereB] = await open()
        thereB.reset()
        assert.equal((await b.readAll()).ending, 'reset')
        assert.equal((await relay.closes(2))[1]?.reason, 'resetByUpstream')
        const [c, thereC] = await open()
        c.reset()
        assert.equal((await thereC.readAll()).ending, 'reset')
        assert.equal((await relay.closes(3))[2]?.reason, 'resetByDownstream')
      })
    })

    it('an upstream that speaks and is gone at once is heard', async () => {
      const upstream = await listen({ onPeer: (peer) => void peer.end('too busy').then(() => peer.destroy()) })
      await withProxy(here, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(joined(greeting(0), request('127.0.0.1', upstream.port)))
        const { text } = await peer.readAll()
        assert.equal(text.slice(12), 'too busy')
        assert.deepEqual([...Buffer.from(text.slice(0, 4), 'latin1')], [5, 0, 5, 0])
      })
    })

    it('a name with several addresses is tried at one after the other', async () => {
      const upstream = await listen({ host: '127.0.0.3' })
      const several = async () => ['127.0.0.1', '127.255.255.255', '127.0.0.3'].map((address) => ({ address, ttl: 60 }))
      await withProxy(here, async (relay) => {
        const peer = await connect(relay.address)
        const { code, bound } = await ask(peer, 'several.example', upstream.port)
        const there = await upstream.accept()
        assert.deepEqual([code, bound], [0, `127.0.0.1:${there.socket.remotePort}`])
        const [open] = await relay.opens()
        assert.equal(open?.upstream, upstream.address)
      }, { resolver: several })
    })

    it('while JS is blocked, addresses are dialled on a thread of its own, and a name has its deadline', async function () {
      if (thread === 'embedded') return
      const upstream = await listen()
      await withProxy({ ...here, connectTimeoutMs: 100 }, async (relay) => {
        const [waits, goes] = [await connect(relay.address), await connect(relay.address)]
        for (const peer of [waits, goes]) {
          await peer.send(greeting(0))
          await peer.read(2)
        }
        waits.socket.write(request('up.example', upstream.port))
        goes.socket.write(request('127.0.0.1', upstream.port))
        stall(800)
        // A ledger is read without asking anybody: two methods and two replies.
        await until(() => relay.server.ledger().toDownstream.produced >= 24, 'both replies')
        assert.equal(relay.server.ledger().toDownstream.produced, 24)
        assert.equal((await readReply(goes)).code, 0)
        assert.equal((await readReply(waits)).code, 4)
        waits.destroy()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'nameUnresolved')
        assert.ok(durationMs >= 100, `${durationMs} ms`)
      })
    })

    it('close() ends sessions in each phase, and draining waits for those', async () => {
      const hole = await silentListener()
      try {
        await withProxy(here, async (relay) => {
          const [host = '', port] = hole.address.split(':')
          const [idle, resolving, connecting] = [await connect(relay.address), await connect(relay.address), await connect(relay.address)]
          await idle.send(joined(greeting(0)))
          await resolving.send(joined(greeting(0), request('never.example', 80)))
          await connecting.send(joined(greeting(0), request(host, Number(port))))
          await until(() => relay.server.ledger().sessions.open === 3, 'three sessions')
          await eventuallyState(relay, 'resolving')
          await eventuallyState(relay, 'connecting')
          await relay.server.close({ drainMs: 50 })
          const reasons = (await relay.closes(3)).map(({ reason }) => reason)
          assert.deepEqual(reasons, ['serverClosed', 'serverClosed', 'serverClosed'])
        }, { resolver: () => new Promise(() => undefined) })
      } finally {
        await hole.close()
      }
    })

    it('a reply that the kernel does not take at first comes later, in the handshake too', async () => {
      const upstream = await listen()
      await using relay = await relayProcess(pipe(source(), socks5({ ...here, auth: { a: 'b' } })), { thread })
      for (const first of [1, 2, 3]) {
        await using trace = await strace(relay.loopThread, ['sendto'], [`sendto:error=EAGAIN:when=${first}`])
        const peer = await connect(relay.address)
        await peer.send(greeting(2))
        assert.deepEqual([...(await peer.read(2))], [5, 2])
        await peer.send(login('a', 'b'))
        assert.deepEqual([...(await peer.read(2))], [1, 0])
        await peer.send(request('127.0.0.1', upstream.port))
        assert.equal((await readReply(peer)).code, 0)
        assert.equal(injected(trace), 1)
        const there = await upstream.accept()
        await peer.end('bye')
        assert.equal((await there.readAll()).text, 'bye')
        await there.end()
        await relay.closes(first)
      }
    })

    it('a reply that the kernel refuses ends the session as one that the client has left', async () => {
      const upstream = await listen()
      await using relay = await relayProcess(pipe(source(), socks5(here)), { thread })
      for (const when of [1, 2]) {
        await using trace = await strace(relay.loopThread, ['sendto'], [`sendto:error=ECONNRESET:when=${when}`])
        const peer = await connect(relay.address)
        await peer.send(joined(greeting(0), request('127.0.0.1', upstream.port)))
        if (when === 2) {
          const there = await upstream.accept()
          peer.reset()
          await there.readAll()
          there.destroy()
        }
        assert.equal((await relay.closes(when))[when - 1]?.reason, 'resetByDownstream')
        assert.equal(injected(trace), 1)
      }
      assert.equal(upstream.count(), 1)
      const { balanced, sessions } = await relay.ledger()
      assert.deepEqual([balanced, sessions.open], [true, 0])
    })

    it('an answer that neither the kernel nor the pool has room for ends the session, and nothing else', async () => {
      const flood = Buffer.alloc(1 << 20)
      const upstream = await listen({ onPeer: (peer) => void (async () => { for (;;) await peer.send(flood) })().catch(() => undefined) })
      const pipeline = pipe(from(tcp('127.0.0.1:0'), { sendBufferBytes: 4_096 }), socks5(here))
      await using relay = await relayProcess(pipeline, { thread, maxPendingBytes: 1 << 20, maxPipeBytes: 0 })
      const open = joined(greeting(0), request('127.0.0.1', upstream.port))
      // Readers that do not read, until nothing more is taken in for them.
      for (let i = 0; i < 120; i++) await (await connect(relay.address, { paused: true })).send(open)
      await settled(async () => (await relay.ledger()).toDownstream.pending)
      for (const [i, expected] of ['', '\x05\0'].entries()) {
        await using trace = await strace(relay.loopThread, ['sendto'], [`sendto:error=EAGAIN:when=${i + 1}`])
        const peer = await connect(relay.address)
        await peer.send(open)
        const { text } = await peer.readAll()
        assert.deepEqual([text, injected(trace)], [expected, 1])
        assert.equal((await relay.closes(i + 1))[i]?.reason, 'pendingLimit')
      }
      assert.equal((await relay.ledger()).balanced, true)
    })

    it('without a descriptor for the upstream the client is told that it failed, not that it may not', async () => {
      await using relay = await relayProcess(pipe(source(), socks5()), { thread })
      for (const to of ['192.0.2.1', '2001:db8::1']) {
        await using trace = await strace(relay.loopThread, ['socket'], ['socket:error=EMFILE'])
        const peer = await connect(relay.address)
        assert.equal((await ask(peer, to, 80)).code, 1)
        assert.ok(injected(trace) > 0)
        peer.destroy()
      }
      assert.deepEqual((await relay.closes(2)).map(({ reason, error }) => [reason, error]), [['descriptorLimit', 'EMFILE'], ['descriptorLimit', 'EMFILE']])
    })
  })
}

/** Waits until a session is in that state. */
async function eventuallyState(relay: TestRelay, state: string): Promise<void> {
  while (!(await relay.server.sessions()).some((session) => session.state === state)) await pause(1)
}
