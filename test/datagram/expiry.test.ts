/** When flows end. Time is the subject here. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { filterDatagrams, forward, idleTimeout, listen as from, maxDuration, pipe, throttle, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { descriptors, openedSince } from '../support/descriptors.ts'
import { many } from '../support/many.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { patience, pause, until } from '../support/until.ts'

const timeoutMs = 400

for (const thread of threads) {
  describe(`the end of a flow, ${thread} thread`, () => {
    it('idleTimeout: not before its time, and its descriptor goes with it', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), idleTimeout(patience.timeoutMs), forward(udp(upstream.address))), { thread }, async (relay) => {
        const peers = await many(20, () => udpPeer(relay.address))
        const before = descriptors()
        const answers = Promise.all(peers.map((peer) => peer.ask('hello')))
        await relay.opens(20)
        assert.ok(openedSince(before).length >= 20)
        assert.deepEqual(await answers, peers.map(() => 'hello'))
        for (const { reason, durationMs, bytesToUpstream, bytesToDownstream } of await relay.closes(20)) {
          assert.deepEqual([reason, bytesToUpstream, bytesToDownstream], ['idleTimeout', 5, 5])
          assert.ok(durationMs >= patience.timeoutMs && durationMs < patience.timeoutMs + 2_000, `${durationMs} ms`)
        }
        await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
        assert.deepEqual([relay.server.ledger().sessions.open, await relay.server.sessions()], [0, []])
        assert.equal(await peers[0]?.ask('again'), 'again')
        assert.equal((await relay.opens(21)).length, 21, 'who comes back is a new flow')
      })
    })

    it('idleTimeout: a datagram in either direction puts it off', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), idleTimeout(patience.timeoutMs), forward(udp(upstream.address))), { thread }, async (relay) => {
        const [talks, listens] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        await listens.send('tell me')
        const { from: flow } = await upstream.receive()
        await talks.send('begin')
        await upstream.receive()
        for (let i = 0; i < patience.steps; i++) {
          await talks.send(`${i}`)
          await upstream.send(`${i}`, flow)
          await pause(patience.stepMs)
        }
        assert.equal(relay.server.ledger().sessions.open, 2, 'both live after more than one timeout')
        assert.equal((await listens.texts(patience.steps)).length, patience.steps)
        const closes = await relay.closes(2)
        for (const { reason, durationMs } of closes) assert.ok(reason === 'idleTimeout' && durationMs >= patience.steps * patience.stepMs + patience.timeoutMs * 0.7, `${reason} after ${durationMs} ms`)
      })
    })

    it('idleTimeout(0) is never', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), idleTimeout(0), forward(udp(upstream.address))), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        assert.equal(await peer.ask('one'), 'one')
        await pause(timeoutMs)
        assert.equal(await peer.ask('two'), 'two')
        assert.equal(relay.server.ledger().sessions.accepted, 1)
      })
    })

    it('maxDuration: however busy it is, and the next datagram begins another', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), maxDuration(timeoutMs), forward(udp(upstream.address))), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        while (!relay.events.some(({ type }) => type === 'close')) {
          await peer.send('still here')
          await turn()
        }
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'maxDuration')
        assert.ok(durationMs >= timeoutMs && durationMs < timeoutMs + 2_000, `${durationMs} ms`)
        await peer.send('and again')
        await until(() => relay.server.ledger().sessions.accepted === 2, 'another flow')
      })
    })

    it('responses: n ends it once each question has n answers, at once, with the socket to its upstream', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { responses: 2 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        const before = descriptors()
        for (let flow = 0; flow < 3; flow++) {
          await peer.send('question')
          const { from: asker } = await upstream.receive()
          await upstream.burst(['first', 'second'], asker)
          assert.deepEqual(await peer.texts(2), ['first', 'second'])
          const closes = await relay.closes(flow + 1)
          assert.deepEqual([closes[flow]?.reason, closes[flow]?.downstream], ['finished', peer.address])
        }
        await until(() => openedSince(before).length === 0, 'descriptors to be closed')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 3 })
        await ledgerSays(relay.server, 'toDownstream', { received: 6, sent: 6 })
      })
    })

    it('responses: 1 with several questions open: no answer is lost to the end of the flow', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { responses: 1 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.burst(['a', 'b'])
        const { from: asker } = await upstream.receive()
        await upstream.receive()
        await upstream.send('to a', asker)
        assert.deepEqual(await peer.texts(1), ['to a'])
        await peer.send('c')
        // The same socket: the flow has not ended.
        assert.equal((await upstream.receive()).from, asker)
        await upstream.burst(['to b', 'to c'], asker)
        assert.deepEqual(await peer.texts(2), ['to b', 'to c'])
        assert.equal((await relay.close()).reason, 'finished')
        assert.equal(relay.server.ledger().sessions.accepted, 1)
      })
    })

    it('responses: a question that was not let through has no answer to wait for', async () => {
      const upstream = await udpEcho()
      const throttled = throttle({ bytesPerSecond: 1, burstBytes: 5 })
      await withRelay(pipe(from(udp('127.0.0.1:0')), throttled, forward(udp(upstream.address), { responses: 1 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.burst(['12345', 'dropped'])
        assert.equal(await peer.texts(1).then(([text]) => text), '12345')
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    it('responses: a question that a filter has answered has no other answer to wait for', async () => {
      const upstream = await udpPeer()
      const refuses = filterDatagrams((batch) => { for (const datagram of batch) batch.reply(datagram, 'refused') })
      await withRelay(pipe(from(udp('127.0.0.1:0')), refuses, forward(udp(upstream.address), { responses: 1 })), {}, async (relay) => {
        const peer = await udpPeer(relay.address)
        assert.equal(await peer.ask('question'), 'refused')
        assert.equal((await relay.close()).reason, 'finished')
        assert.equal(upstream.count(), 0)
      })
    })

    it('endSession ends one flow and no other', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const [one, other] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        for (const peer of [one, other]) assert.equal(await peer.ask('in'), 'in')
        const session = (await relay.server.sessions()).find(({ downstream }) => downstream === one.address)
        assert(session)
        relay.server.endSession(session.id)
        const { reason, session: id } = await relay.close()
        assert.deepEqual([reason, id], ['closedByHandler', session.id])
        assert.equal(await other.ask('still in'), 'still in')
        assert.equal(relay.server.ledger().sessions.open, 1)
      })
    })
  })
}
