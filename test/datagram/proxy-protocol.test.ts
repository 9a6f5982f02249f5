/** `forward(udp(…), { proxyProtocol: 2 })`: each datagram leaves behind a header, in one datagram with it. */
import assert from 'node:assert/strict'
import { filterDatagrams, forward, generate, listen as from, pipe, udp } from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { datagramHeader } from '../support/proxy-header.ts'
import { threads, withRelay } from '../support/relay.ts'
import { closeUdpPeers, portOf, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const headerOf = (source: string, destination: string): string => datagramHeader(source, destination).toString('hex')

for (const thread of threads) {
  describe(`proxyProtocol of datagrams, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    it('names the peer and where it sent to in front of each datagram, an empty one too, and what comes back is as it was', async () => {
      const upstream = await udpPeer(undefined, { answer: (bytes) => `got ${bytes.length}` })
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { proxyProtocol: 2, responses: 3 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (const text of ['one', '', 'three']) {
          assert.equal(await peer.ask(text), `got ${28 + text.length}`)
          const { bytes } = await upstream.receive()
          assert.deepEqual([bytes.subarray(0, 28).toString('hex'), bytes.subarray(28).toString()], [headerOf(peer.address, relay.address), text])
        }
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 3 })
        const { received, produced, sent, pending } = relay.server.ledger().toUpstream
        assert.deepEqual({ received, produced, sent, pending }, { received: 8, produced: 3 * 28, sent: 8 + 3 * 28, pending: 0 })
        assert.equal(countsOf(relay.server.ledger(), 'toUpstream').produced, 0)
      })
    })

    it('behind a wildcard it names the address that was asked, of IPv4 also where the listener is of IPv6', async () => {
      const upstream = await udpPeer(undefined, { answer: () => 'yes' })
      await withRelay(pipe(from(udp('[::]:0')), forward(udp(upstream.address), { proxyProtocol: 2 })), { thread }, async (relay) => {
        for (const host of ['127.0.0.2', '[::1]']) {
          const peer = await udpPeer(`${host}:${portOf(relay.address)}`)
          assert.equal(await peer.ask('x'), 'yes')
          const { bytes } = await upstream.receive()
          assert.equal(bytes.toString('hex'), `${headerOf(peer.address, `${host}:${portOf(relay.address)}`)}78`)
        }
      })
    })

    it('a train leaves as trains, each datagram with its header', async () => {
      const wrong: string[] = []
      let header = ''
      const upstream = await udpPeer(undefined, {
        answer(bytes) {
          header ||= bytes.subarray(0, 28).toString('hex')
          if (bytes.length !== 928 || bytes.subarray(0, 28).toString('hex') !== header) wrong.push(bytes.toString('hex'))
          return bytes.subarray(28)
        },
      })
      const at = `127.0.0.1:${await unusedPort()}` as const
      const made = pipe(generate({ sizeBytes: 900, window: 64, gso: true, durationMs: 1_000 }), forward(udp(at)))
      await withRelay([pipe(from(udp(at)), forward(udp(upstream.address), { proxyProtocol: 2 })), made], { thread }, async ({ server, events }) => {
        await until(() => events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended')
        const report = server.load()
        assert(report !== undefined && report.sent > 64)
        assert.deepEqual({ wrong, lost: report.lost, reordered: report.reordered, received: report.received }, { wrong: [], lost: 0, reordered: 0, received: report.sent })
        assert.match(header, new RegExp(`^${headerOf('127.0.0.1:0', at).slice(0, -8)}....${headerOf('127.0.0.1:0', at).slice(-4)}$`))
        const { segmentedSends = 0, segmentationFallbacks } = server.ledger().pipelines[0]?.datagrams ?? {}
        assert(segmentedSends > 0 && segmentationFallbacks === 0, `${segmentedSends} trains`)
      })
    })

    it('what is too large with it is dropped, and the largest that is not goes', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { proxyProtocol: 2 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.send(Buffer.alloc(65_507 - 27, 1))
        await peer.send(Buffer.alloc(65_507 - 28, 2))
        assert.equal((await upstream.receive()).bytes.length, 65_507)
        await ledgerSays(relay.server, 'toUpstream', { received: 2, sent: 1, dropped: { tooLarge: 1 } })
      })
    })

    it('an upstream that is away for a while costs no flow, and each datagram is told of as ever', async () => {
      const first = await udpPeer(undefined, { port: await unusedPort(), answer: () => 'yes' })
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(first.address), { proxyProtocol: 2 })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        assert.equal(await peer.ask('one'), 'yes')
        const { from: before } = await first.receive()
        await first.close()
        await peer.send('to nobody')
        await until(() => (relay.server.ledger().pipelines[0]?.datagrams.icmpErrors ?? 0) > 0, 'the ICMP error to be seen')
        const second = await udpPeer(undefined, { port: first.port, answer: () => 'yes again' })
        assert.equal(await peer.ask('two'), 'yes again')
        const { from: after, bytes } = await second.receive()
        assert.deepEqual([after, bytes.toString('latin1')], [before, `${datagramHeader(peer.address, relay.address).toString('latin1')}two`])
        assert.equal((await relay.opens()).length, 1)
      })
    })

    it('with proxyDialect "first" only the datagram that begins a flow has one', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { proxyProtocol: 2, proxyDialect: 'first' })), { thread }, async (relay) => {
        const peers = [await udpPeer(relay.address), await udpPeer(relay.address)]
        for (const peer of peers) {
          await peer.burst(['one', 'two', ''])
          const header = datagramHeader(peer.address, relay.address).toString('latin1')
          assert.deepEqual(await upstream.texts(3), [`${header}one`, 'two', ''])
          await peer.send('later')
          assert.deepEqual(await upstream.texts(1), ['later'])
        }
        assert.equal(relay.server.ledger().toUpstream.produced, 2 * 28)
      })
    })

    it('with proxyDialect "first" a first datagram that is too large with its header leaves it to the next', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { proxyProtocol: 2, proxyDialect: 'first' })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.send(Buffer.alloc(65_507, 1))
        await ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: { tooLarge: 1 } })
        await peer.burst([Buffer.alloc(65_507, 2), 'next', 'with it'])
        assert.deepEqual(await upstream.texts(2), [`${datagramHeader(peer.address, relay.address).toString('latin1')}next`, 'with it'])
        await peer.send('last')
        assert.deepEqual(await upstream.texts(1), ['last'])
        await ledgerSays(relay.server, 'toUpstream', { received: 5, sent: 3, dropped: { tooLarge: 2 } })
        assert.equal((await relay.opens()).length, 1)
      })
    })

    it('with proxyDialect "first" to IPv6, where more fits into a datagram', async () => {
      const upstream = await udpPeer(undefined, { host: '::1' })
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { proxyProtocol: 2, proxyDialect: 'first' })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.send(Buffer.alloc(65_490, 1))
        assert.equal((await upstream.receive()).bytes.length, 65_490 + 28)
        await peer.send('next')
        assert.deepEqual(await upstream.texts(1), ['next'])
      })
    })

    it('with proxyDialect "first" an upstream that was not there yet is told when it is', async () => {
      const port = await unusedPort()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(`127.0.0.1:${port}`), { proxyProtocol: 2, proxyDialect: 'first' })), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let flows = 1; flows <= 3; flows++) {
          await peer.send('nobody there')
          const closed = await relay.closes(flows)
          assert.equal(closed.at(-1)?.reason, 'connectRefused')
        }
        const upstream = await udpPeer(undefined, { port })
        await peer.send('one')
        await peer.send('two')
        assert.deepEqual(await upstream.texts(2), [`${datagramHeader(peer.address, relay.address).toString('latin1')}one`, 'two'])
      })
    })

    it('with proxyDialect "first" only the first of a train has one', async () => {
      const wrong: number[] = []
      let headers = 0
      const upstream = await udpPeer(undefined, {
        answer(bytes) {
          headers += Number(bytes.length === 928)
          if (bytes.length !== 900 && bytes.length !== 928) wrong.push(bytes.length)
          return bytes.subarray(bytes.length - 900)
        },
      })
      const at = `127.0.0.1:${await unusedPort()}` as const
      const made = pipe(generate({ flows: 3, sizeBytes: 900, window: 64, gso: true, durationMs: 1_000 }), forward(udp(at)))
      await withRelay([pipe(from(udp(at)), forward(udp(upstream.address), { proxyProtocol: 2, proxyDialect: 'first' })), made], { thread }, async ({ server, events }) => {
        await until(() => events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended')
        const report = server.load()
        assert(report !== undefined && report.sent > 64)
        assert.deepEqual({ wrong, headers, lost: report.lost, reordered: report.reordered }, { wrong: [], headers: 3, lost: 0, reordered: 0 })
      })
    })
  })
}

describe('proxyProtocol of datagrams', () => {
  afterEach(closeUdpPeers)

  it('what handlers have changed has a header too', async () => {
    const upstream = await udpPeer()
    const doubled = filterDatagrams({ toUpstream(batch) { for (const one of batch) if (one.bytes[0] === 0x64) batch.replace(one, Buffer.concat([one.bytes, one.bytes])) } })
    await withRelay(pipe(from(udp('127.0.0.1:0')), doubled, forward(udp(upstream.address), { proxyProtocol: 2 })), {}, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.burst(['double', 'single', 'd'])
      for (const expected of ['doubledouble', 'single', 'dd']) assert.equal((await upstream.receive()).bytes.toString('hex'), headerOf(peer.address, relay.address) + Buffer.from(expected).toString('hex'))
    })
  })
})
