/** Pitfall 17: the table of flows is bounded, those that nobody has answered give way first, and those that were answered stay. */
import assert from 'node:assert/strict'
import { forward, idleTimeout, listen as from, pipe, udp, type CloseEvent } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { many } from '../support/many.ts'
import { eventually } from '../support/proc.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { closeUdpPeers, udpPeer, type UdpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

/** Answers questions, and nothing else. */
const oracle = (): Promise<UdpPeer> => udpPeer(undefined, { answer: (bytes) => (bytes.toString().endsWith('?') ? 'yes' : undefined) })

const evicted = async (relay: TestRelay, count: number): Promise<string[]> =>
  (await relay.closes(count)).filter((event: CloseEvent) => event.reason === 'evicted').map(({ downstream }) => downstream)

for (const thread of threads) {
  describe(`a table of flows that is full, ${thread} thread`, () => {
    it('ends the oldest flow that nobody has answered, again and again; one that was answered goes on', async () => {
      const upstream = await oracle()
      await withRelay(pipe(from(udp('127.0.0.1:0'), { maxFlows: 3 }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const [a, b, c, d, e] = [await udpPeer(relay.address), await udpPeer(relay.address), await udpPeer(relay.address), await udpPeer(relay.address), await udpPeer(relay.address)]
        await a.send('a')
        assert.equal(await b.ask('b?'), 'yes')
        await c.send('c')
        await upstream.texts(3)
        await d.send('d')
        assert.deepEqual(await evicted(relay, 1), [a.address])
        await e.send('e')
        assert.deepEqual(await evicted(relay, 2), [a.address, c.address])
        assert.equal(await b.ask('b, still?'), 'yes')
        await upstream.texts(3)
        assert.equal(relay.server.ledger().sessions.open, 3)
        assert.equal(relay.server.ledger().reasons.evicted, 2)
        await ledgerSays(relay.server, 'toUpstream', { received: 6, sent: 6 })
      })
    })

    it('refuses newcomers where all have been answered, says so, and takes them again once there is room', async () => {
      const upstream = await oracle()
      await withRelay(pipe(from(udp('127.0.0.1:0'), { maxFlows: 2 }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const [a, b, c] = [await udpPeer(relay.address), await udpPeer(relay.address), await udpPeer(relay.address)]
        for (const peer of [a, b]) assert.equal(await peer.ask('in?'), 'yes')
        await c.send('in?')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 2, dropped: { tableFull: 1 } })
        await until(() => relay.events.some((event) => event.type === 'notice' && event.code === 'tableFull'), 'the notice that the table is full')
        const session = (await relay.server.sessions()).find(({ downstream }) => downstream === a.address)
        assert(session)
        relay.server.endSession(session.id)
        await relay.close()
        assert.equal(await c.ask('in now?'), 'yes')
      })
    })

    it('maxFlowsPerAddress: one address at its limit is no matter to another, and its own flows go on', async () => {
      const upstream = await oracle()
      await withRelay(pipe(from(udp('127.0.0.1:0'), { maxFlowsPerAddress: 2 }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const own = await Promise.all(['127.0.0.5', '127.0.0.5', '127.0.0.5'].map((host) => udpPeer(relay.address, { host })))
        const [first, second, third] = own
        assert(first && second && third)
        for (const peer of [first, second]) assert.equal(await peer.ask('in?'), 'yes')
        await third.send('in?')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 2, dropped: { tableFull: 1 } })
        const other = await udpPeer(relay.address, { host: '127.0.0.6' })
        assert.equal(await other.ask('and I?'), 'yes')
        assert.equal(await first.ask('still?'), 'yes')
        assert.equal(third.count(), 0)
      })
    })

    it('each pipeline has its own', async () => {
      const upstream = await oracle()
      const pipelines = [1, 2].map(() => pipe(from(udp('127.0.0.1:0'), { maxFlows: 1 }), forward(udp(upstream.address))))
      await withRelay(pipelines, { thread }, async (relay) => {
        for (const pipeline of [0, 1]) assert.equal(await (await udpPeer(relay.addressOf(pipeline))).ask('in?'), 'yes')
      })
    })
  })
}

describe('a process that has no descriptors left', function () {
  this.timeout(120_000)
  afterEach(closeUdpPeers)

  it('gives those that nobody has answered to others, then refuses newcomers, and takes them again once there is room', async () => {
    const upstream = await oracle()
    const pipeline = pipe(from(udp('127.0.0.1:0')), idleTimeout(3_000), forward(udp(upstream.address)))
    await using relay = await relayProcess(pipeline, { thread: 'own', descriptors: 64 })
    const [lasting, ...crowd] = await many(200, () => udpPeer(relay.address))
    assert(lasting)
    assert.equal(await lasting.ask('first?'), 'yes')
    for (const peer of crowd) await peer.send('nobody answers this')
    await until(() => upstream.count() === 200, 'all to have had a flow, for a while')
    // One after the other, so that each has been answered before the next comes; those that were do not give way.
    let refused = 0
    for (const [i, peer] of crowd.slice(0, 100).entries()) {
      if (i % 10 === 0) assert.equal(await lasting.ask('still?'), 'yes')
      await peer.send('answer this?')
      await eventually('an answer or a refusal', async () => {
        const { datagrams } = (await relay.ledger()).datagrams.toUpstream.dropped.tableFull
        const settled = peer.count() > 0 || datagrams > refused
        refused = datagrams
        return settled
      })
    }
    assert.ok(refused > 0)
    assert.equal(await lasting.ask('still?'), 'yes')
    await until(() => relay.events().some((event) => event.type === 'notice' && event.code === 'tableFull' && event.error === 'EMFILE'), 'the notice')
    await relay.closes((await relay.ledger()).sessions.accepted)
    for (const peer of crowd.slice(0, 10)) {
      await peer.send('and now?')
      await until(() => peer.count() > 0, 'an answer')
    }
    assert.ok((await relay.ledger()).balanced)
    await relay.close(0)
  })
})
