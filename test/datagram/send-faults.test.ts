/**
 * Sends that fail, made to by strace: a segmented send that is refused leaves as single datagrams within the same turn, one that finds no room
 * waits, and nothing is lost either way. The client hands 32 datagrams to the kernel at once, so the loop's first send is a segmented one.
 */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp, upstreams } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { datagramHeader } from '../support/proxy-header.ts'
import { threads, type Thread } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { injected, strace, type Strace } from '../support/strace.ts'
import { faultsOf, flawless, loadEcho, verify, type LoadEcho } from '../support/udp-load.ts'
import { closeUdpPeers, udpEcho, udpPeer } from '../support/udp-peers.ts'

const train = 32

/** Of the loop's calls of sendmsg(2), the first is towards the upstream and the second towards the downstream. */
const places = [['the first send, towards the upstream', '1'], ['the second send, towards the downstream', '2'], ['every other send', '1+2']] as const

async function faulty(thread: Thread, gro: 0 | 1, body: (relay: RelayProcess, echo: LoadEcho) => Promise<void>): Promise<void> {
  await using echo = await loadEcho('127.0.0.1:0', { gro })
  await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0')), forward(udp(echo.address))), { thread })
  await body(relay, echo)
}

/** A train leaves by sendmsg(2) with a control message, a single datagram to the upstream by sendto(2). */
const failing = (relay: RelayProcess, call: 'sendmsg' | 'sendto', error: string, when: string): Promise<Strace> =>
  strace(relay.loopThread, ['sendmsg', 'sendmmsg', 'sendto'], [`${call}:error=${error}:when=${when}`])

for (const thread of threads) {
  describe(`sends of datagrams that fail, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(closeUdpPeers)

    for (const error of ['EIO', 'EINVAL', 'EMSGSIZE'] as const) {
      for (const direction of ['toUpstream', 'toDownstream'] as const) {
        it(`${error} of a segmented send ${direction}: the same datagrams leave at once without segmentation, and later ones too`, async () => {
          await faulty(thread, 1, async (relay) => {
            {
              // Over a connected socket EMSGSIZE may be about an earlier datagram, so it is believed the second time.
              const [when, times] = direction === 'toDownstream' ? ['2', 1] : error === 'EMSGSIZE' ? ['1..2', 2] : ['1', 1]
              await using trace = await failing(relay, 'sendmsg', error, when)
              const report = await verify(relay.address, { count: train, size: 800, window: train, gso: 1 })
              assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, calls: trace.calls() }))
              assert.equal(injected(trace), times, trace.calls().join('\n'))
            }
            const report = await verify(relay.address, { count: 4 * train, size: 800, window: train, gso: 1 })
            assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
            for (const way of ['toUpstream', 'toDownstream'] as const) await ledgerSays(relay, way, { received: 5 * train, sent: 5 * train })
            const { datagrams } = await relay.ledger()
            assert.ok(datagrams.segmentationFallbacks >= 1, JSON.stringify(datagrams))
          })
        })
      }
    }

    it('EPERM of what tells the upstream whom a flow is from, four times: the flow ends, the member is not blamed, and the next datagram tells', async () => {
      const upstream = await udpPeer()
      const to = forward(upstreams([udp(upstream.address)]), { proxyProtocol: 2, proxyDialect: 'first' })
      await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0')), to), { thread })
      const peer = await udpPeer(relay.address)
      {
        await using _trace = await failing(relay, 'sendto', 'EPERM', '1..4')
        for (let lost = 1; lost <= 4; lost++) {
          await peer.send('lost')
          await ledgerSays(relay, 'toUpstream', { received: lost, dropped: { unreachable: lost } })
        }
      }
      await peer.send('one')
      await peer.send('two')
      assert.deepEqual(await upstream.texts(2), [`${datagramHeader(peer.address, relay.address).toString('latin1')}one`, 'two'])
      assert.equal((await relay.ledger()).reasons.connectFailed, 4)
    })

    for (const error of ['EAGAIN', 'ENOBUFS', 'EINTR'] as const) {
      for (const [what, when] of places) {
        it(`${error} of ${what}: it waits or goes again, and nothing is lost or out of order`, async () => {
          await faulty(thread, 1, async (relay) => {
            await using trace = await failing(relay, 'sendmsg', error, when)
            const report = await verify(relay.address, { count: 20 * train, size: 800, window: train, gso: 1 })
            assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, calls: trace.calls().slice(-40) }))
            assert.ok(injected(trace) >= 1)
            for (const way of ['toUpstream', 'toDownstream'] as const) await ledgerSays(relay, way, { received: 20 * train, sent: 20 * train })
          })
        })
      }
    }

    it('ECONNREFUSED of a good datagram: it is sent again, once, and arrives', async () => {
      const upstream = await udpEcho()
      await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread })
      const downstream = await udpPeer(relay.address)
      assert.equal(await downstream.ask('before'), 'before')
      await using trace = await failing(relay, 'sendto', 'ECONNREFUSED', '1')
      assert.equal(await downstream.ask('good'), 'good')
      assert.equal(injected(trace), 1)
      await ledgerSays(relay, 'toUpstream', { received: 2, sent: 2 })
      assert.equal((await relay.ledger()).datagrams.icmpErrors, 1)
    })

    it('a send that is refused twice is dropped as unreachable, and the next one is tried', async () => {
      const upstream = await udpEcho()
      await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread })
      const downstream = await udpPeer(relay.address)
      assert.equal(await downstream.ask('before'), 'before')
      {
        await using trace = await failing(relay, 'sendto', 'EHOSTUNREACH', '1..2')
        await downstream.send('bad')
        await ledgerSays(relay, 'toUpstream', { received: 2, sent: 1, dropped: { unreachable: 1 } })
        assert.equal(injected(trace), 2)
      }
      assert.equal(await downstream.ask('after'), 'after')
    })
  })
}
