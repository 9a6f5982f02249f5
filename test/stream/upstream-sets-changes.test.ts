/** A set whose members change while it is served: open sessions go on, and none is lost. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, upstreams } from '../../lib/index.ts'
import type { Server } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import type { Listener } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { threads, withRelay } from '../support/relay.ts'
import { random, seed } from '../support/seeded.ts'
import { oneSession, sessionLoad } from '../support/session-load.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** Upstreams that give back what they get. */
const echoes = (count: number): Promise<readonly Listener[]> => Promise.all(Array.from({ length: count }, () => listen({ onPeer: (peer) => void peer.socket.pipe(peer.socket) })))

const openOf = async (server: Server): Promise<readonly (readonly [string, string, number])[]> => (await server.upstreams()).map(({ upstream, state, open }) => [upstream, state, open])

for (const thread of threads) {
  describe(`a set that changes, ${thread} thread`, () => {
    it('costs no session when it is changed 100 times under load', async () => {
      const chance = random(seed())
      for (const balance of ['roundRobin', 'maglev'] as const) {
        const endpoints = (await echoes(6)).map(({ address }) => tcp(address))
        const set = upstreams(endpoints.slice(0, 3), { balance })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
          const longLived = await Promise.all(Array.from({ length: 10 }, () => connect(relay.address)))
          await relay.opens(10)
          const load = sessionLoad(relay.address, 10)
          for (let change = 0; change < 100; change++) {
            const members = endpoints.filter(() => chance.below(2) === 0)
            relay.server.setUpstreams(set, members.length === 0 ? endpoints : members)
            const before = load.outcomes.length
            const said = Buffer.from(`change ${change}\n`)
            await Promise.all(longLived.map(async (peer) => {
              await peer.send(said)
              assert.deepEqual(await peer.read(said.length), said)
            }))
            await until(() => load.outcomes.length > before, 'a session between two changes')
          }
          await load.stop()
          assert.deepEqual(load.outcomes.filter(({ error, answer }) => error !== undefined || answer !== 'ping\n'), [])
          assert.ok(load.outcomes.length >= 100)
          for (const peer of longLived) await peer.end()
          for (const { reason } of await relay.closes(load.outcomes.length + 10)) assert.equal(reason, 'finished')
          for (const { state, open } of await relay.server.upstreams()) assert.deepEqual([state, open], ['healthy', 0])
        })
      }
    })

    it('lets the sessions of a member that is taken out go on, and forgets it with the last of them', async () => {
      const [a, b] = await echoes(2)
      assert(a && b)
      const set = upstreams([tcp(a.address)])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        const first = await connect(relay.address)
        await relay.opens()
        relay.server.setUpstreams(set, [tcp(b.address)])
        assert.deepEqual((await openOf(relay.server)).toSorted(), [[a.address, 'draining', 1], [b.address, 'healthy', 0]].toSorted(), 'every loop that answers knows')
        const second = await connect(relay.address)
        await relay.opens(2)
        assert.deepEqual((await openOf(relay.server)).toSorted(), [[a.address, 'draining', 1], [b.address, 'healthy', 1]].toSorted())
        await first.send('still here')
        assert.equal((await first.read(10)).toString(), 'still here')
        relay.server.setUpstreams(set, [tcp(b.address), { to: tcp(a.address), weight: 2 }])
        assert.deepEqual((await openOf(relay.server)).toSorted(), [[a.address, 'healthy', 1], [b.address, 'healthy', 1]].toSorted())
        relay.server.setUpstreams(set, [tcp(b.address)])
        await first.end()
        await second.end()
        await relay.closes(2)
        assert.deepEqual(await openOf(relay.server), [[b.address, 'healthy', 0]])
      })
    })

    it('stays as it is until the names of its new members have addresses', async () => {
      const [a, b] = await echoes(2)
      assert(a && b)
      let answer: () => void = () => undefined
      const known = new Promise<void>((resume) => { answer = resume })
      const resolver = async () => {
        await known
        return [{ address: '127.0.0.1', ttl: 60 }]
      }
      const set = upstreams([tcp(a.address)])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread, resolver }, async (relay) => {
        relay.server.setUpstreams(set, [tcp(`late.test:${b.port}`)])
        assert.equal((await oneSession(relay.address)).answer, 'ping\n')
        assert.deepEqual(await openOf(relay.server), [[a.address, 'healthy', 0]])
        answer()
        await eventually('the new member', async () => (await openOf(relay.server)).some(([upstream]) => upstream === b.address))
        assert.equal((await oneSession(relay.address)).answer, 'ping\n')
      })
    })

    it('never becomes where its own sessions come from', async () => {
      const [echo] = await echoes(1)
      assert(echo)
      const set = upstreams([tcp(echo.address)])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        assert.throws(() => relay.server.setUpstreams(set, [tcp(relay.address)]), {
          code: 'ERR_MILLRACE_BAD_PIPELINE',
          message: `setUpstreams: tcp ${relay.address} is where it comes from: the pipeline listens to tcp ${relay.address}`,
        })
        const peer = await connect(relay.address)
        await peer.end('still there')
        assert.equal((await peer.readAll()).text, 'still there')
      })
    })

    it('ends an ejection that leaves nobody, and says so', async () => {
      const [port, [good]] = [await unusedPort(), await echoes(1)]
      assert(good)
      const refuses = tcp(`127.0.0.1:${port}`)
      const set = upstreams([refuses, tcp(good.address)], { ejection: { afterFailures: 1, forMs: 600_000, mostMs: 600_000 } })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        for (let session = 0; session < 2; session++) {
          const peer = await connect(relay.address)
          await peer.end('good')
          assert.equal((await peer.readAll()).text, 'good')
        }
        assert.deepEqual((await relay.notices()).map(({ upstream, state }) => [upstream, state]), [[`127.0.0.1:${port}`, 'ejected']])
        await listen({ port, onPeer: (peer) => void peer.end('mended') })
        relay.server.setUpstreams(set, [refuses])
        assert.deepEqual((await relay.notices(2)).map(({ state }) => state), ['ejected', 'healthy'])
        const peer = await connect(relay.address)
        await peer.end()
        assert.equal((await peer.readAll()).text, 'mended')
      })
    })

    it('is known by the object that forward was given, and refuses what is none of it', async () => {
      const [a] = await echoes(1)
      assert(a)
      const set = upstreams([tcp(a.address)])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async ({ server }) => {
        const message = 'setUpstreams: expected a set made by upstreams(…) that a pipeline of this server forwards to, not another one'
        assert.throws(() => server.setUpstreams(upstreams([tcp(a.address)]), [tcp(a.address)]), { code: 'ERR_MILLRACE_BAD_PIPELINE', message })
        assert.throws(() => server.setUpstreams(set, []), { code: 'ERR_MILLRACE_BAD_PIPELINE', message: 'setUpstreams: expected 1 to 1000 members, not 0' })
        assert.deepEqual(await openOf(server), [[a.address, 'healthy', 0]])
      })
    })
  })
}
