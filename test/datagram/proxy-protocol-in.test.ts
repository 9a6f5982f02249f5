/** `proxyProtocol` of datagrams: a proxy says within each, or within the first, whom it speaks for. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allow, deny, echo, file, filterDatagrams, forward, generate, idleTimeout, limit, listen as from, otherwise, pipe, prefix, proxyProtocol, remoteAddress, route, stun, udp, when, type ProxyProtocolOptions } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { datagramHeader, localHeader } from '../support/proxy-header.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'
import { mappedIn, parse, request } from '../support/stun.ts'
import { closeUdpPeers, udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const here = ['127.0.0.0/8']
const header = datagramHeader('192.0.2.1:5000', '198.51.100.9:443')
const behind = (bytes: Uint8Array, text: string): Buffer => Buffer.concat([bytes, Buffer.from(text)])
const flipped = (bytes: Buffer, place: number): Buffer => Buffer.from(bytes.map((byte, i) => (i === place ? byte ^ 1 : byte)))

for (const thread of threads) {
  describe(`proxyProtocol in front of datagrams, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    it('every: one port of a proxy speaks for many, and each of them is a flow, known by its address to events, upstream and sessions()', async () => {
      const upstream = await udpEcho()
      const pipeline = pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), forward(udp(upstream.address), { proxyProtocol: 2 }))
      await withRelay(pipeline, { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        const headers = [header, datagramHeader('192.0.2.1:5001', '198.51.100.9:443'), datagramHeader('192.0.2.1:5000', '198.51.100.9:444'), datagramHeader('[::1]:5000', '[::1]:443')]
        for (let round = 0; round < 2; round++) {
          for (const one of headers) {
            assert.equal(await proxy.ask(behind(one, 'x')), behind(one, 'x').toString('latin1')) // the echo has seen what we were told
            await upstream.receive()
          }
        }
        const opened = await relay.opens(4)
        const said = ['192.0.2.1:5000', '192.0.2.1:5001', '192.0.2.1:5000', '[::1]:5000']
        assert.deepEqual(opened.map(({ downstream }) => downstream), said)
        assert.deepEqual((await relay.server.sessions()).map(({ downstream }) => downstream).toSorted(), said.toSorted())
        await ledgerSays(relay.server, 'toUpstream', { received: 8, sent: 8 })
        const { received, consumed, produced, sent } = relay.server.ledger().toUpstream
        const headersOf = 2 * (3 * 28 + 52)
        assert.deepEqual({ received, consumed, produced, sent }, { received: headersOf + 8, consumed: headersOf, produced: headersOf, sent: headersOf + 8 })
      })
    })

    it('TLVs go no further, an empty datagram does, and a CRC32c has to fit', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        const tlvs = datagramHeader('192.0.2.1:5000', '198.51.100.9:443', `02000b${Buffer.from('example.com').toString('hex')}`)
        const summed = datagramHeader('192.0.2.1:5000', '198.51.100.9:443', '03000400000000')
        for (const bytes of [behind(tlvs, 'a'), header, behind(summed, 'wrong sum'), behind(header, 'b')]) await proxy.send(bytes)
        assert.deepEqual(await upstream.texts(3), ['a', '', 'b'])
        await ledgerSays(relay.server, 'toUpstream', { received: 4, sent: 3, dropped: { malformed: 1 } })
      })
    })

    it('what is wrong drops one datagram, wherever it is cut, and those of others go on', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        const cut = Array.from(header, (_, i) => header.subarray(0, i))
        const wrong = [...cut, behind(flipped(header, 0), 'x'), behind(header, 'x').fill(0x22, 12, 13), behind(flipped(header, 5), 'x'), Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.9 5000 443\r\nx')]
        for (const one of wrong) await proxy.send(one)
        await proxy.send(behind(header, 'right'))
        assert.deepEqual(await upstream.texts(1), ['right'])
        await ledgerSays(relay.server, 'toUpstream', { received: wrong.length + 1, sent: 1, dropped: { malformed: wrong.length } })
      })
    })

    it('a client of TCP that a proxy speaks for, as one that passes DNS over HTTPS on does, is that client', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), deny('192.0.2.0/24'), echo()), { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        const overTcp = (source: string) => datagramHeader(source, '198.51.100.9:443').fill(0x11, 13, 14)
        await proxy.send(behind(overTcp('192.0.2.1:5000'), 'denied'))
        assert.equal(await proxy.ask(behind(overTcp('203.0.113.1:5000'), 'x')), 'x')
        await ledgerSays(relay.server, 'toUpstream', { received: 2, consumed: 1, dropped: { policy: 1 } })
        assert.equal((await relay.opens())[0]?.downstream, '203.0.113.1:5000')
      })
    })

    const modes: readonly (readonly [options: Partial<ProxyProtocolOptions>, sent: Buffer, came: string | undefined, downstream: string])[] = [
      [{}, behind(localHeader, 'x'), 'x', 'proxy'],
      [{ from: ['10.0.0.0/8'] }, behind(header, 'x'), behind(header, 'x').toString('latin1'), 'proxy'],
      [{ mode: 'use' }, behind(header, 'x'), 'x', '192.0.2.1:5000'],
      [{ mode: 'use' }, Buffer.from('x'), 'x', 'proxy'],
      [{ mode: 'use' }, header.subarray(0, 8), header.subarray(0, 8).toString('latin1'), 'proxy'],
      [{ mode: 'use' }, header.subarray(0, 20), undefined, ''],
      [{ mode: 'ignore' }, behind(header, 'x'), 'x', 'proxy'],
      [{ mode: 'reject' }, behind(header, 'x'), undefined, ''],
      [{ mode: 'reject' }, Buffer.from('x'), 'x', 'proxy'],
    ]
    for (const [options, sent, came, downstream] of modes) {
      it(`${JSON.stringify(options)}: ${sent.length} bytes ${came === undefined ? 'go no further' : `arrive as ${came.length}, of ${downstream}`}`, async () => {
        const upstream = await udpPeer()
        await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here, ...options }), forward(udp(upstream.address))), { thread }, async (relay) => {
          const proxy = await udpPeer(relay.address)
          await proxy.send(sent)
          if (came === undefined) return ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: options.mode === 'reject' ? { policy: 1 } : { malformed: 1 } })
          assert.deepEqual(await upstream.texts(1), [came])
          const [opened] = await relay.opens()
          assert.equal(opened?.downstream, downstream === 'proxy' ? proxy.address : downstream)
        })
      })
    }

    it('gates, limits, matchers and handlers behind it know whom the proxy speaks for', async () => {
      const [one, other] = [await udpPeer(), await udpPeer()]
      const peers: string[] = []
      const seen = filterDatagrams({ toUpstream(batch) { for (const datagram of batch) peers.push(datagram.peer) } })
      const pipeline = pipe(
        from(udp('127.0.0.1:0')),
        proxyProtocol({ from: here }),
        allow('192.0.2.0/24'),
        deny('192.0.2.9'),
        limit({ maxSessionsPerAddress: 1 }),
        thread === 'own' ? idleTimeout(60_000) : seen,
        route(when(remoteAddress('192.0.2.2'), forward(udp(one.address))), when(prefix('!'), forward(udp(one.address))), otherwise(forward(udp(other.address)))),
      )
      await withRelay(pipeline, { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        const say = (source: string, text: string) => proxy.send(behind(datagramHeader(source, '198.51.100.9:443'), text))
        await say('192.0.2.1:1', 'a')
        await say('192.0.2.1:2', 'limited')
        await say('192.0.2.9:1', 'denied')
        await say('203.0.113.1:1', 'not allowed')
        await say('192.0.2.2:1', 'b')
        await say('192.0.2.3:1', '!c')
        assert.deepEqual(await other.texts(1), ['a'])
        assert.deepEqual(await one.texts(2), ['b', '!c'])
        await ledgerSays(relay.server, 'toUpstream', { received: 6, sent: 3, dropped: { policy: 3 } })
        if (thread === 'embedded') assert.deepEqual(peers.toSorted(), ['192.0.2.1:1', '192.0.2.2:1', '192.0.2.3:1'])
      })
    })

    it('one proxy behind another: a header each, the last one counts', async () => {
      const pipeline = pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), proxyProtocol({ from: ['192.0.2.1'] }), echo())
      await withRelay(pipeline, { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        assert.equal(await proxy.ask(Buffer.concat([header, datagramHeader('203.0.113.7:7', '198.51.100.9:443'), Buffer.from('x')])), 'x')
        assert.equal((await relay.opens())[0]?.downstream, '203.0.113.7:7')
      })
    })

    it('one proxy behind another, with dialect "first": both headers are in the first datagram', async () => {
      const pipeline = pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here, dialect: 'first' }), proxyProtocol({ from: ['192.0.2.1'], dialect: 'first' }), echo())
      await withRelay(pipeline, { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        assert.equal(await proxy.ask(Buffer.concat([header, datagramHeader('203.0.113.7:7', '198.51.100.9:443'), Buffer.from('x')])), 'x')
        assert.equal(await proxy.ask(behind(header, 'y')), behind(header, 'y').toString('latin1'))
        assert.equal((await relay.opens())[0]?.downstream, '203.0.113.7:7')
      })
    })

    it('STUN answers the proxy with the address that it speaks for', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here }), stun()), { thread }, async (relay) => {
        const proxy = await udpPeer(relay.address)
        await proxy.send(Buffer.concat([header, request()]))
        assert.equal(mappedIn(parse((await proxy.receive()).bytes)), '192.0.2.1:5000')
        await proxy.send(Buffer.concat([header, Buffer.from('no request')]))
        await ledgerSays(relay.server, 'toUpstream', { received: 2, consumed: 1, dropped: { malformed: 1 } })
      })
    })

    it('first: what follows from the same port goes the same way, whatever it begins like, until the flow has ended', async () => {
      const [one, other] = [await udpPeer(), await udpPeer()]
      const pipeline = pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: here, dialect: 'first' }), idleTimeout(2_000), route(when(prefix('!'), forward(udp(one.address), { proxyProtocol: 2 })), otherwise(forward(udp(other.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const [proxy, second] = [await udpPeer(relay.address), await udpPeer(relay.address)]
        await proxy.send('too early')
        await proxy.burst([behind(header, '!a'), 'b', '', behind(header, 'c'), '!d'])
        const told = header.toString('latin1')
        assert.deepEqual(await one.texts(5), ['!a', 'b', '', `${told}c`, '!d'].map((text) => `${told}${text}`))
        await second.burst([behind(datagramHeader('192.0.2.2:1', '198.51.100.9:443'), 'e'), '!f'])
        assert.deepEqual(await other.texts(2), ['e', '!f'])
        const opened = await relay.opens(2)
        assert.deepEqual(opened.map(({ downstream }) => downstream), ['192.0.2.1:5000', '192.0.2.2:1'])
        await relay.closes(2) // idle
        await proxy.send('too late')
        await ledgerSays(relay.server, 'toUpstream', { received: 9, sent: 7, dropped: { malformed: 2 } })
      })
    })

    it('first: who becomes a proxy, or is none any more, is so with the next datagram', async () => {
      using folder = temporaryFolder()
      const list = join(folder.path, 'proxies')
      writeFileSync(list, '10.0.0.0/8\n')
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), proxyProtocol({ from: [file(list)], dialect: 'first' }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const read = (count: number) => until(() => relay.events.filter((event) => event.type === 'notice' && event.code === 'fileChanged').length >= count, 'the list to be read again')
        const peer = await udpPeer(relay.address)
        await peer.send('plain')
        assert.deepEqual(await upstream.texts(1), ['plain'])
        writeFileSync(list, '127.0.0.0/8\n')
        await read(1)
        await peer.send(behind(header, 'now a proxy'))
        assert.deepEqual(await upstream.texts(1), ['now a proxy'])
        writeFileSync(list, '10.0.0.0/8\n')
        await read(2)
        await peer.send('plain again')
        assert.deepEqual(await upstream.texts(1), ['plain again'])
        const peers = (await relay.server.sessions()).map(({ downstream, datagrams }) => [downstream, datagrams?.toUpstream.sent.datagrams])
        assert.deepEqual(peers.toSorted(), [['192.0.2.1:5000', 1], [peer.address, 2]].toSorted())
      })
    })

    it('two relays in a row agree, with either dialect: trains arrive whole, and the last one knows who began', async () => {
      for (const dialect of ['every', 'first'] as const) {
        const upstream = await udpEcho()
        const [at, middle] = [`127.0.0.1:${await unusedPort()}`, `127.0.0.1:${await unusedPort()}`] as const
        const made = pipe(generate({ flows: 4, sizeBytes: 900, window: 64, gso: true, durationMs: 1_000 }), forward(udp(at)))
        const outer = pipe(from(udp(at)), forward(udp(middle), { proxyProtocol: 2, proxyDialect: dialect }))
        const reads = dialect === 'first' ? proxyProtocol({ from: here, dialect }) : proxyProtocol({ from: here })
        const inner = pipe(from(udp(middle)), reads, forward(udp(upstream.address)))
        await withRelay([inner, outer, made], { thread }, async ({ server, events, opens }) => {
          await until(() => events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended')
          const report = server.load()
          assert(report !== undefined && report.sent > 64)
          assert.deepEqual({ lost: report.lost, reordered: report.reordered }, { lost: 0, reordered: 0 })
          const opened = await opens(8)
          const of = (pipeline: number): readonly string[] => opened.filter((event) => event.pipeline === pipeline).map(({ downstream }) => downstream).toSorted()
          assert.deepEqual(of(0), of(1))
        })
        await upstream.close()
      }
    })
  })
}
