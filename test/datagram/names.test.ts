/** Pitfall 23: a name that does not resolve delays the flows that go there, and nothing else. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const loopback = [{ address: '127.0.0.1', ttl: 60 }]

for (const thread of threads) {
  describe(`names of upstreams of datagrams, ${thread} thread`, () => {
    it('what comes before the name is known waits, and arrives in order; other flows do not notice', async () => {
      const upstream = await udpEcho()
      let answer: () => void = () => undefined
      const known = new Promise<void>((resume) => { answer = resume })
      const resolver = async (name: string) => {
        if (name === 'slow.test') await known
        return loopback
      }
      const pipelines = ['slow.test', 'quick.test', '127.0.0.1'].map((name) => pipe(from(udp('127.0.0.1:0')), forward(udp(`${name}:${upstream.port}`))))
      await withRelay(pipelines, { thread, resolver }, async (relay) => {
        const [slow, quick, literal] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1)), await udpPeer(relay.addressOf(2))]
        const texts = ['first', '', 'third', 'fourth']
        await slow.burst(texts)
        const pending = (): number => relay.server.ledger().pipelines[0]?.datagrams.toUpstream.pending ?? 0
        await until(() => pending() === texts.length, 'all to wait')
        assert.deepEqual([await quick.ask('quick'), await literal.ask('literal')], ['quick', 'literal'])
        assert.equal(slow.count(), 0)
        answer()
        assert.deepEqual(await slow.texts(texts.length), texts)
        assert.equal(relay.server.ledger().sessions.accepted, 3)
      })
    })

    it('a name that never resolves ends its flows as nameUnresolved, and what waited is counted', async () => {
      const resolver = () => Promise.reject(new Error('no such name'))
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp('nowhere.test:53'))), { thread, resolver }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.burst(['one', 'two'])
        assert.equal((await relay.close()).reason, 'nameUnresolved')
        await ledgerSays(relay.server, 'toUpstream', { received: 2, dropped: { expired: 2 } })
      })
    })

    it('a flow keeps the address it began with, another takes the new one', async () => {
      const old = await udpPeer(undefined, { port: await unusedPort(), answer: () => 'old' })
      // The same port on another address of the loopback.
      const moved = await udpPeer(undefined, { host: '127.0.0.2', port: old.port, answer: () => 'moved' })
      let now = '127.0.0.1'
      const resolver = async () => [{ address: now, ttl: 1 }]
      const pipelines = [0, 1].map((responses) => pipe(from(udp('127.0.0.1:0')), forward(udp(`moves.test:${old.port}`), { responses })))
      await withRelay(pipelines, { thread, resolver }, async (relay) => {
        const [lasting, brief] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1))]
        assert.deepEqual([await lasting.ask('where?'), await brief.ask('where?')], ['old', 'old'])
        now = '127.0.0.2'
        // Each answer ends the flow, and the next question begins another.
        while (await brief.ask('where?') !== 'moved');
        assert.ok(moved.count() > 0)
        assert.equal(await lasting.ask('still?'), 'old')
      })
    })

    it('sourceAddress is what the upstream sees', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { sourceAddress: '127.0.0.9' })), { thread }, async (relay) => {
        await (await udpPeer(relay.address)).send('hello')
        assert.match((await upstream.receive()).from, /^127\.0\.0\.9:\d+$/)
      })
    })
  })
}
