/** Stages, matchers and sinks that streams have too, on datagrams. */
import assert from 'node:assert/strict'
import {
  allow, any, close, deny, discard, echo, forward, limit, listen as from, not, otherwise, pipe, prefix, remoteAddress, route, throttle, udp, when, type Pipeline,
} from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'))

for (const thread of threads) {
  describe(`stages on datagrams, ${thread} thread`, () => {
    it('echo sends back to where it came from, and needs no upstream', async () => {
      await withRelay(pipe(source(), echo()), { thread }, async (relay) => {
        const [one, other] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        await Promise.all([one.send('one'), other.send('other'), one.send('two')])
        assert.deepEqual([await one.texts(2), await other.texts(1)], [['one', 'two'], ['other']])
        await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 3 })
        await ledgerSays(relay.server, 'toDownstream', { produced: 3, sent: 3 })
      })
    })

    it('discard takes all and answers nothing', async () => {
      await withRelay(pipe(source(), discard()), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let i = 0; i < 100; i++) await peer.send('into the void')
        await ledgerSays(relay.server, 'toUpstream', { received: 100, consumed: 100 })
        assert.equal(relay.server.ledger().toUpstream.consumed, 1_300)
        assert.equal(peer.count(), 0)
      })
    })

    it('close() drops all, by policy', async () => {
      await withRelay(pipe(source(), close()), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let i = 0; i < 3; i++) await peer.send('hello')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, dropped: { policy: 3 } })
        assert.equal(relay.server.ledger().sessions.open, 0)
      })
    })

    it('allow and deny drop what comes from elsewhere, by policy', async () => {
      const cases: readonly (readonly [Pipeline<'datagram'>, boolean])[] = [
        [pipe(source(), allow('127.0.0.0/8'), echo()), true],
        [pipe(source(), allow('10.0.0.0/8'), echo()), false],
        [pipe(source(), deny('127.0.0.1'), echo()), false],
        [pipe(source(), deny('127.0.0.2'), echo()), true],
        [pipe(source(), allow('127.0.0.0/8'), deny('127.0.0.1/32'), echo()), false],
      ]
      await withRelay(cases.map(([pipeline]) => pipeline), { thread }, async (relay) => {
        for (const [i, [, allowed]] of cases.entries()) {
          const peer = await udpPeer(relay.addressOf(i))
          await peer.send('may I?')
          const account = () => relay.server.ledger().pipelines[i] ?? relay.server.ledger()
          await ledgerSays({ ledger: account }, 'toUpstream', allowed ? { received: 1, consumed: 1 } : { received: 1, dropped: { policy: 1 } })
          if (allowed) assert.deepEqual(await peer.texts(1), ['may I?'])
          else assert.deepEqual([account().sessions.open, peer.count()], [0, 0])
        }
      })
    })

    it('limit lets so many flows in, and all of their datagrams', async () => {
      await withRelay(pipe(source(), limit({ maxSessions: 2 }), echo()), { thread }, async (relay) => {
        const peers = await Promise.all([1, 2, 3].map(() => udpPeer(relay.address)))
        const [one, two, three] = peers
        assert(one && two && three)
        for (const text of ['in', 'and in']) assert.deepEqual([await one.ask(text), await two.ask(text)], [text, text])
        await three.send('me too')
        await ledgerSays(relay.server, 'toUpstream', { received: 5, consumed: 4, dropped: { policy: 1 } })
        const [session] = await relay.server.sessions()
        relay.server.endSession(session?.id ?? -1)
        await relay.close()
        assert.equal(await three.ask('now?'), 'now?')
      })
    })

    it('limit counts addresses each for itself', async () => {
      await withRelay(pipe(source(), limit({ maxSessionsPerAddress: 1 }), echo()), { thread }, async (relay) => {
        const [first, again, other] = await Promise.all(['127.0.0.5', '127.0.0.5', '127.0.0.6'].map((host) => udpPeer(relay.address, { host })))
        assert(first && again && other)
        assert.equal(await first.ask('in'), 'in')
        await again.send('in')
        assert.equal(await other.ask('in'), 'in')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 2, dropped: { policy: 1 } })
      })
    })

    it('throttle lets a burst of datagrams through and drops the rest, each direction and each flow for itself', async () => {
      const upstream = await udpEcho()
      const stage = throttle({ datagramsPerSecond: 1, burstDatagrams: 5, direction: 'toUpstream' })
      await withRelay(pipe(source(), stage, forward(udp(upstream.address))), { thread }, async (relay) => {
        const peers = [await udpPeer(relay.address), await udpPeer(relay.address)]
        for (const [i, peer] of peers.entries()) {
          await Promise.all(Array.from({ length: 20 }, (_, n) => peer.send(`${n}`)))
          assert.deepEqual(await peer.texts(5), ['0', '1', '2', '3', '4'])
          await until(() => relay.server.ledger().datagrams.toUpstream.received === 20 * (i + 1), 'all to have come')
        }
        const { sent, dropped } = countsOf(relay.server.ledger(), 'toUpstream')
        assert.deepEqual(dropped, { policy: 40 - sent })
        assert.ok(sent >= 10 && sent < 40, `${sent} let through`)
      })
    })

    it('throttle counts bytes too', async () => {
      await withRelay(pipe(source(), throttle({ bytesPerSecond: 1, burstBytes: 250, direction: 'toUpstream' }), discard()), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let i = 0; i < 5; i++) await peer.send(Buffer.alloc(100))
        await until(() => relay.server.ledger().datagrams.toUpstream.received === 5, 'all to have come')
        const { consumed, dropped } = countsOf(relay.server.ledger(), 'toUpstream')
        assert.deepEqual({ consumed, dropped }, { consumed: 2, dropped: { policy: 3 } })
        assert.deepEqual(relay.server.ledger().datagrams.toUpstream.dropped.policy, { datagrams: 3, bytes: 300 })
      })
    })

    it('route decides about every datagram by its own bytes, not about its flow', async () => {
      const [letters, digits] = [await udpPeer(undefined, { answer: () => 'letters' }), await udpPeer(undefined, { answer: () => 'digits' })]
      const pipeline = pipe(source(), route(when(prefix('a'), forward(udp(letters.address))), when(any(prefix('1'), prefix('2')), forward(udp(digits.address))), otherwise(echo())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (const [text, answer] of [['abc', 'letters'], ['123', 'digits'], ['a', 'letters'], ['!', '!'], ['2', 'digits'], ['', '']] as const) {
          assert.equal(await peer.ask(text), answer, text)
        }
        assert.deepEqual([await letters.texts(2), await digits.texts(2)], [['abc', 'a'], ['123', '2']])
      })
    })

    it('a prefix that is longer than the datagram says no: there is no more to wait for', async () => {
      await withRelay(pipe(source(), route(when(prefix('GET /'), discard()), otherwise(echo()))), { thread }, async (relay) => {
        assert.equal(await (await udpPeer(relay.address)).ask('GET'), 'GET')
      })
    })

    it('route without otherwise drops the rest, by policy', async () => {
      await withRelay(pipe(source(), route(when(prefix('x'), echo()))), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.send('y')
        assert.equal(await peer.ask('x'), 'x')
        await ledgerSays(relay.server, 'toUpstream', { received: 2, consumed: 1, dropped: { policy: 1 } })
      })
    })

    it('a branch has stages of its own; remoteAddress, not and any look at who sends', async () => {
      const pipeline = pipe(source(), route(
        when(not(remoteAddress('127.0.0.1')), deny('127.0.0.3'), echo()),
        when(any(remoteAddress('10.0.0.0/8'), prefix('hi')), echo()),
      ))
      await withRelay(pipeline, { thread }, async (relay) => {
        const [one, two, three] = await Promise.all(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((host) => udpPeer(relay.address, { host })))
        assert(one && two && three)
        await one.send('ho')
        await three.send('hi')
        assert.deepEqual([await one.ask('hi'), await two.ask('ho')], ['hi', 'ho'])
        await ledgerSays(relay.server, 'toUpstream', { received: 4, consumed: 2, dropped: { policy: 2 } })
      })
    })
  })
}
