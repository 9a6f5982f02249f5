import assert from 'node:assert/strict'
import { any, close, echo, forward, listen as from, otherwise, pipe, prefix, quic, route, udp, when } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { quicInitial } from '../support/quic.ts'
import { threads, withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'

/** As all packets of a connection after its handshake begin: nothing says that it is QUIC. */
const shortHeader = (bytes = 60): Buffer => Buffer.alloc(bytes, 0x5b)

for (const thread of threads) {
  describe(`quic, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    const servers = async () => Promise.all(['quic', 'others'].map((name) => udpPeer(undefined, { answer: () => name })))

    it('yes for an Initial, no for what is none', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), route(when(quic(), echo()), otherwise(close()))), { thread }, async ({ server, address }) => {
        const refused = [quicInitial({ bytes: 1_199 }), quicInitial({ version: 0 }), quicInitial({ version: 3 }), quicInitial({ first: 0xe0 }), shortHeader(1_200)]
        const passed = [quicInitial(), quicInitial({ bytes: 1_452 }), quicInitial({ version: 0x6b3343cf, first: 0xd0 }), quicInitial({ version: 0x1a2a3a4a })]
        // Of one peer each: what an Initial has begun would keep the others.
        for (const one of refused) await (await udpPeer(address)).send(one)
        for (const one of passed) assert.equal(await (await udpPeer(address)).ask(one), one.toString('latin1'))
        await ledgerSays(server, 'toUpstream', { received: refused.length + passed.length, consumed: passed.length, dropped: { policy: refused.length } })
      })
    })

    it('what follows an Initial goes the same way, whatever it looks like, and another peer goes its own', async () => {
      const [one, other] = await servers()
      assert(one && other)
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(quic(), forward(udp(one.address))), otherwise(forward(udp(other.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const [client, stranger] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        assert.equal(await stranger.ask(shortHeader()), 'others')
        assert.equal(await client.ask(quicInitial()), 'quic')
        for (const bytes of [shortHeader(), quicInitial({ first: 0xe0 }), Buffer.alloc(0), quicInitial()]) assert.equal(await client.ask(bytes), 'quic')
        assert.equal(await stranger.ask(shortHeader()), 'others')
        assert.equal(relay.server.ledger().sessions.open, 2)
      })
    })

    it('a peer that has a flow elsewhere begins one here with an Initial, and that is where it stays', async () => {
      const [one, other] = await servers()
      assert(one && other)
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(quic(), forward(udp(one.address))), otherwise(forward(udp(other.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const client = await udpPeer(relay.address)
        assert.deepEqual([await client.ask('x'), await client.ask(quicInitial()), await client.ask('x')], ['others', 'quic', 'quic'])
      })
    })

    it('when the flow ends, what comes then is matched by itself', async () => {
      const [one, other] = await servers()
      assert(one && other)
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(quic(), forward(udp(one.address))), otherwise(forward(udp(other.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const client = await udpPeer(relay.address)
        assert.equal(await client.ask(quicInitial()), 'quic')
        const [session] = await relay.server.sessions()
        assert(session !== undefined)
        relay.server.endSession(session.id)
        await relay.closes(1)
        assert.equal(await client.ask(shortHeader()), 'others')
      })
    })

    it('a branch before it takes what it matches, of every peer; below it the first datagram decides for all', async () => {
      const [one, other] = await servers()
      assert(one && other)
      const within = route(when(prefix(quicInitial().subarray(0, 5)), forward(udp(one.address))), otherwise(close()))
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(prefix('echo'), echo()), when(any(prefix('never'), quic()), within), otherwise(forward(udp(other.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const client = await udpPeer(relay.address)
        const answers = [await client.ask(quicInitial()), await client.ask('echo'), await client.ask(shortHeader()), await client.ask('echo')]
        assert.deepEqual(answers, ['quic', 'echo', 'quic', 'echo'])
        // Refused there, so no flow begins that could keep it.
        const refused = await udpPeer(relay.address)
        await refused.send(quicInitial({ version: 0x1a2a3a4a }))
        assert.equal(await refused.ask(shortHeader()), 'others')
        await ledgerSays(relay.server, 'toUpstream', { received: 6, sent: 3, consumed: 2, dropped: { policy: 1 } })
      })
    })
  })
}
