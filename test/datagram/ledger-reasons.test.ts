/** Every reason for a drop that a test can bring about, and that nothing is counted twice; test/datagram/send-buffer-full.test.ts has one more. */
import assert from 'node:assert/strict'
import { datagrams, filterDatagrams, forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { child } from '../support/child.ts'
import { udpSocket } from '../support/kernel.ts'
import { checkLedger, threads, withRelay } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { eventually, processState } from '../support/proc.ts'
import { closeUdpPeers, udpEcho, udpPeer } from '../support/udp-peers.ts'
import { stall, until } from '../support/until.ts'

const burst = 500

for (const thread of threads) {
  describe(`the ledger of datagrams, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(closeUdpPeers)

    it('kernelOverflow: what the kernel threw away while the relay stood still is received and dropped, to the last one', async () => {
      const upstream = await udpPeer()
      await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0'), { receiveBufferBytes: 4_096 }), forward(udp(upstream.address))), { thread })
      const [bound] = relay.addresses
      assert.ok((bound?.receiveBufferBytes ?? 0) >= 4_096, 'what the kernel gave is told')
      const downstream = await udpPeer(relay.address)
      await downstream.send('first')
      await upstream.receive()
      relay.kill('SIGSTOP')
      await eventually('the relay to stand still', () => processState(relay.pid) === 'T')
      for (let i = 0; i < burst; i++) await downstream.send(Buffer.alloc(500))
      relay.kill('SIGCONT')
      // The kernel tells of the losses with a datagram that comes after them, for which there has to be room again.
      await until(() => udpSocket(bound?.port ?? 0)?.receiveQueue === 0, 'the relay to read what there is')
      await downstream.send('last')
      let last = ''
      while (last !== 'last') last = (await upstream.receive()).bytes.toString()
      await eventually('the books to say so', async () => countsOf(await relay.ledger(), 'toUpstream').received === burst + 2)
      const { sent, dropped } = countsOf(await relay.ledger(), 'toUpstream')
      assert.deepEqual(dropped, { kernelOverflow: burst + 2 - sent })
      assert.ok(sent < burst, `${sent} went through`)
      assert.equal((await relay.ledger()).datagrams.toUpstream.dropped.kernelOverflow.bytes, 0, 'nobody knows how many bytes these had')
      const ledger = await relay.ledger()
      assert.ok(ledger.balanced)
      await relay.close(0)
    })

    it('noFlow: while the server drains, its flows go on and newcomers are dropped', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const inside = await udpPeer(relay.address)
        assert.equal(await inside.ask('in'), 'in')
        const closed = relay.server.close({ drainMs: 20_000 })
        // The other thread hears of it a little later: who came before that is inside as well.
        const dropped = (): number => relay.server.ledger().datagrams.toUpstream.dropped.noFlow.datagrams
        while (dropped() === 0) {
          const newcomer = await udpPeer(relay.address)
          await newcomer.send('too late?')
          await until(() => newcomer.count() > 0 || dropped() > 0, 'the newcomer to be answered or dropped')
        }
        const late = await udpPeer(relay.address)
        await late.send('too late')
        await until(() => dropped() === 2, 'another to be dropped')
        assert.equal(await inside.ask('still in'), 'still in')
        assert.equal(late.count(), 0)
        await relay.server.close({ drainMs: 0 })
        await closed
        for (const { reason } of await relay.closes()) assert.equal(reason, 'serverClosed')
        checkLedger(relay.server)
      })
    })

    it('unreachable: where the kernel has no way to the upstream, all is dropped, and told by the ledger alone', async () => {
      // The kernel refuses to connect a socket to a broadcast address unless it was asked for (EACCES, ip(7)).
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp('255.255.255.255:9'))), { thread }, async (relay) => {
        const downstream = await udpPeer(relay.address)
        for (let i = 0; i < 3; i++) await downstream.send('hello')
        await ledgerSays(relay.server, 'toUpstream', { received: 3, dropped: { unreachable: 3 } })
        assert.equal(relay.server.ledger().toUpstream.dropped, 15)
      })
    })

    it('counts datagrams and bytes of each flow, and in all', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const peers = [await udpPeer(relay.address), await udpPeer(relay.address)]
        for (const [i, peer] of peers.entries()) for (let n = 0; n <= i; n++) await peer.ask('12345')
        await ledgerSays(relay.server, 'toDownstream', { received: 3, sent: 3 })
        const sessions = await relay.server.sessions()
        for (const [i, peer] of peers.entries()) {
          const session = sessions.find(({ downstream }) => downstream === peer.address)
          assert(session)
          const counts = { datagrams: i + 1, bytes: 5 * (i + 1) }
          const none = { datagrams: 0, bytes: 0 }
          for (const direction of ['toUpstream', 'toDownstream'] as const) {
            assert.deepEqual(session.datagrams?.[direction], { received: counts, produced: none, sent: counts, consumed: none, dropped: none, pending: none })
          }
          assert.deepEqual([session.kind, session.upstream, session.bytesToUpstream], ['datagram', upstream.address, counts.bytes])
        }
        assert.equal(relay.server.ledger().datagrams.toUpstream.crossed, 0, 'none entered JS')
      })
    })
  })
}

describe('the ledger of datagrams and handlers', () => {
  it('handler: what a filter drops, one way and the other; crossed counts what entered JS', async () => {
    const upstream = await udpEcho()
    const filter = filterDatagrams({
      toUpstream: (batch) => { for (const datagram of batch) if (datagram.bytes[0] === 0x78) batch.drop(datagram) },
      toDownstream: (batch) => { for (const datagram of batch) if (datagram.bytes[0] === 0x79) batch.drop(datagram) },
    })
    await withRelay(pipe(from(udp('127.0.0.1:0')), filter, forward(udp(upstream.address))), {}, async (relay) => {
      const downstream = await udpPeer(relay.address)
      for (const text of ['x1', 'y1', 'z1', 'x2']) await downstream.send(text)
      assert.deepEqual(await downstream.texts(1), ['z1'])
      await ledgerSays(relay.server, 'toUpstream', { received: 4, sent: 2, dropped: { handler: 2 } })
      await ledgerSays(relay.server, 'toDownstream', { received: 2, sent: 1, dropped: { handler: 1 } })
      const { toUpstream, toDownstream } = relay.server.ledger().datagrams
      assert.deepEqual([toUpstream.crossed, toDownstream.crossed], [4, 2])
    })
  })

  it('kernelOverflow: while a handler thinks, what does not fit is counted when it is done', async () => {
    let calls = 0
    const sink = datagrams((batch) => {
      calls += batch.length
      for (const datagram of batch) if (datagram.bytes.toString() === 'think') burstNow()
    })
    let burstNow = (): void => undefined
    await withRelay(pipe(from(udp('127.0.0.1:0'), { receiveBufferBytes: 4_096 }), sink), {}, async (relay) => {
      const downstream = await udpPeer(relay.address)
      let bursting: Promise<unknown> | undefined
      const [host = '', port = ''] = relay.address.split(':')
      // Another process sends while this one does not turn.
      const script = `const s = require('node:dgram').createSocket('udp4'); s.connect(${port}, '${host}', () => { let left = ${burst}; for (let i = 0; i < ${burst}; i++) s.send('x', () => { if (--left === 0) s.close() }) })`
      burstNow = () => {
        const sender = child(process.execPath, ['-e', script])
        bursting = sender.exited
        // Until it has ended, as /proc says: the event would need a turn.
        const end = performance.now() + 20_000
        while (!['Z', ''].includes(processState(sender.pid)) && performance.now() < end) stall(5)
      }
      await downstream.send('think')
      await until(() => bursting !== undefined, 'the handler to be called')
      await bursting
      await until(() => udpSocket(Number(port))?.receiveQueue === 0, 'the relay to read what there is')
      await downstream.send('done')
      await until(() => relay.server.ledger().datagrams.toUpstream.received === burst + 2, () => JSON.stringify(relay.server.ledger().datagrams))
      const { consumed, dropped } = countsOf(relay.server.ledger(), 'toUpstream')
      assert.deepEqual([consumed, dropped], [calls, { kernelOverflow: burst + 2 - calls }])
      assert.ok(calls < burst, `${calls} of ${burst + 2} arrived`)
    })
  })
})
