/**
 * A turn ends early when the slots that datagrams are received into are used up; what is left of its events comes next, before any timer.
 * The relays are embedded, so that a stall of this thread lets everything come due at once: 300 datagrams take all 256 slots.
 */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { deny, discard, echo, filterDatagrams, forward, generate, idleTimeout, listen as from, otherwise, pipe, prefix, route, serve, stun, tcp, udp, when } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { connect, type Peer } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { request } from '../support/stun.ts'
import { udpPeer, type UdpPeer } from '../support/udp-peers.ts'
import { stall, until } from '../support/until.ts'

const thread = 'embedded'
const flood = Array.from({ length: 300 }, () => 'x')

/** A flow whose question has arrived at the upstream, and someone else who floods the second pipeline. */
async function asked(relay: TestRelay, upstream: UdpPeer): Promise<{ readonly peer: UdpPeer; readonly asker: string; readonly other: UdpPeer }> {
  const [peer, other] = [await udpPeer(relay.address), await udpPeer(relay.addressOf(1))]
  await peer.send('question')
  return { peer, asker: (await upstream.receive()).from, other }
}

describe('a turn that ends early', () => {
  it('an answer that has come in time is not lost to the idle timeout', async () => {
    const upstream = await udpPeer()
    await withRelay([pipe(from(udp('127.0.0.1:0')), idleTimeout(2_000), forward(udp(upstream.address))), pipe(from(udp('127.0.0.1:0')), discard())], { thread }, async (relay) => {
      const { peer, asker, other } = await asked(relay, upstream)
      const sent = [other.burst(flood), upstream.send('answer', asker)]
      stall(2_500)
      await Promise.all(sent)
      assert.deepEqual(await peer.texts(1), ['answer'])
    })
  })

  it('nor to a close that lets flows end which have been quiet', async () => {
    const upstream = await udpPeer()
    await withRelay([pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), pipe(from(udp('127.0.0.1:0')), discard())], { thread }, async (relay) => {
      const { peer, asker, other } = await asked(relay, upstream)
      const sent = [other.burst(flood), upstream.send('answer', asker)]
      stall(1_200)
      const closed = relay.server.close({ drainMs: 5_000 })
      await Promise.all(sent)
      assert.deepEqual(await peer.texts(1), ['answer'])
      await closed
    })
  })

  it('nor are the bytes of a stream', async () => {
    await withRelay([pipe(from(tcp('127.0.0.1:0')), idleTimeout(2_000), echo()), pipe(from(udp('127.0.0.1:0')), discard())], { thread }, async (relay) => {
      const client = await connect(relay.address)
      const other = await udpPeer(relay.addressOf(1))
      await client.send('one')
      await until(() => client.bytesRead() === 3, 'the first bytes')
      const sent = [other.burst(flood), client.send('two')]
      stall(2_500)
      await Promise.all(sent)
      await until(() => client.bytesRead() === 6, 'the bytes that came in time')
    })
  })

  // The poller tells of 256 sockets at once.
  it('nor are those of more sockets than the poller tells of at once', async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(5_000), echo()), { thread, lingerMs: 100 }, async (relay) => {
      const clients: Peer[] = []
      for (let i = 0; i < 400; i++) clients.push(await connect(relay.address))
      await relay.opens(400)
      await Promise.all(clients.map((client) => client.send('one')))
      await Promise.all(clients.map((client) => client.read(3)))
      for (const client of clients) client.socket.write('two')
      stall(6_000)
      await Promise.all(clients.map((client) => client.read(3)))
      assert.equal(relay.server.ledger().reasons.idleTimeout, 0)
    })
  })

  it('nor are answers to more flows than that, or questions of as many', async () => {
    const upstream = await udpPeer()
    await withRelay([pipe(from(udp('127.0.0.1:0')), idleTimeout(5_000), forward(udp(upstream.address))), pipe(from(udp('127.0.0.1:0')), idleTimeout(5_000), echo())], { thread }, async (relay) => {
      const [peers, others]: [UdpPeer[], UdpPeer[]] = [[], []]
      for (let i = 0; i < 400; i++) peers.push(await udpPeer(relay.address))
      for (let i = 0; i < 400; i++) others.push(await udpPeer(relay.addressOf(1)))
      const askers: string[] = []
      await Promise.all([...peers, ...others].map((peer) => peer.send('question')))
      for (let i = 0; i < 400; i++) askers.push((await upstream.receive()).from)
      await Promise.all(others.map((other) => other.receive()))
      const sent = [...askers.map((asker) => upstream.send('answer', asker)), ...others.map((other) => other.send('again'))]
      stall(6_000)
      await Promise.all(sent)
      await Promise.all([...peers, ...others].map((peer) => peer.receive()))
      const { sessions, reasons } = relay.server.ledger()
      assert.deepEqual([sessions.accepted, reasons.idleTimeout], [800, 0])
    })
  })

  it('nor what one listener has yet when the slots are used up by its own', async () => {
    for (const sink of [echo(), route(when(prefix('y'), discard()), otherwise(echo()))]) {
      await withRelay(pipe(from(udp('127.0.0.1:0')), idleTimeout(2_000), sink), { thread }, async (relay) => {
        const [peer, other] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        assert.deepEqual([await peer.ask('one'), await other.ask('one')], ['one', 'one'])
        const sent = [other.burst(Array.from({ length: 400 }, (_, i) => 'x'.repeat(1 + (i % 7) * 30))), peer.send('in time')]
        stall(2_500)
        await Promise.all(sent)
        assert.deepEqual(await peer.texts(1), ['in time'])
        assert.equal(relay.server.ledger().sessions.accepted, 2)
      })
    }
  })

  it('what is left is dealt with a turn at a time, and the rest of the process has its turns in between', async () => {
    const upstream = await udpPeer()
    let batches = 0
    const counted = filterDatagrams({ toDownstream: () => { batches++ } })
    await withRelay(pipe(from(udp('127.0.0.1:0')), counted, forward(udp(upstream.address))), { thread }, async (relay) => {
      const askers: string[] = []
      for (let i = 0; i < 40; i++) {
        await (await udpPeer(relay.address)).send('question')
        askers.push((await upstream.receive()).from)
      }
      const sent = askers.map((asker) => upstream.burst(Array.from({ length: 70 }, () => 'answer'), asker))
      let most = 0
      for (let before = batches; relay.server.ledger().datagrams.toDownstream.received < 40 * 70; before = batches) {
        await turn()
        most = Math.max(most, batches - before)
      }
      await Promise.all(sent)
      assert.ok(batches > 8 && most <= 2, `${most} of ${batches} batches between two turns of this loop`)
    })
  })

  it('a generator that goes as fast as it can leaves the process its turns', async () => {
    const upstream = await udpPeer()
    const server = await serve(pipe(generate({ durationMs: 60_000 }), forward(udp(upstream.address))), { thread })
    let turns = 0
    for (const end = performance.now() + 10_000; turns <= 50 && performance.now() < end; turns++) await turn()
    assert.equal(server.load()?.finished, false)
    await server.close({ drainMs: 0 })
    await upstream.close()
    assert.ok(turns > 50, `${turns} turns`)
  })

  it('a flow is finished whose last open question a filter drops in the turn of its last answer', async () => {
    const upstream = await udpPeer()
    const filter = filterDatagrams({ toUpstream: (batch) => { for (const datagram of batch) if (datagram.bytes[0] === 120) batch.drop(datagram) } })
    await withRelay(pipe(from(udp('127.0.0.1:0')), filter, forward(udp(upstream.address), { responses: 1 })), { thread }, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.send('question')
      const { from: asker } = await upstream.receive()
      await Promise.all([peer.send('x'), upstream.send('answer', asker)])
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  // A read that is cut short by the slots others have taken, and then gives its own back, has not found the end of what there is: the rest would lie in the
  // socket until something else came.
  const kinds = [
    ['STUN', pipe(from(udp('127.0.0.1:0')), stun()), { consumed: 90 }],
    ['what is denied', pipe(from(udp('127.0.0.1:0')), deny('127.0.0.0/8'), route(when(prefix('x'), echo()), otherwise(discard()))), { dropped: { policy: 90 } }],
    ['what is over a budget', pipe(from(udp('127.0.0.1:0')), stun({ ratePerAddress: 1 })), { consumed: 1, dropped: { policy: 89 } }],
  ] as const
  for (const [what, pipeline, counts] of kinds) {
    it(`${what} keeps no slot, and all of it is read although others have taken most of the slots`, async () => {
      await withRelay([pipe(from(udp('127.0.0.1:0')), discard()), pipeline], { thread }, async (relay) => {
        const [other, peer] = [await udpPeer(relay.address), await udpPeer(relay.addressOf(1))]
        const sent = [other.burst(flood.slice(0, 200)), peer.burst(Array.from({ length: 90 }, () => request()))]
        await ledgerSays({ ledger: () => { const { pipelines: [, second] } = relay.server.ledger(); assert(second); return second } }, 'toUpstream', { received: 90, ...counts })
        await Promise.all(sent)
      })
    })
  }
})
