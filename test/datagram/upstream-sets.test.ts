/** Flows to a set of upstreams. */
import assert from 'node:assert/strict'
import { dgramCheck, filterDatagrams, forward, listen as from, pipe, udp, upstreams } from '../../lib/index.ts'
import type { MemberLike, UpstreamsOptions } from '../../lib/index.ts'
import { threads, withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { eventually } from '../support/proc.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import type { UdpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const toSet = (members: readonly MemberLike<'datagram'>[], options: UpstreamsOptions<'datagram'> = {}) => pipe(from(udp('127.0.0.1:0')), forward(upstreams(members, options)))

/** Upstreams that say their number. */
const numbered = (count: number): Promise<readonly UdpPeer[]> => Promise.all(Array.from({ length: count }, (_, i) => udpPeer(undefined, { answer: () => String(i) })))

const stateOf = async (relay: TestRelay): Promise<readonly string[]> => (await relay.server.upstreams()).map(({ state }) => state)

for (const thread of threads) {
  describe(`a set of upstreams for datagrams, ${thread} thread`, () => {
    it('has each flow at one member, and flows in turn', async () => {
      const all = await numbered(3)
      await withRelay(toSet(all.map(({ address }) => udp(address))), { thread }, async (relay) => {
        const clients = await Promise.all(Array.from({ length: 6 }, () => udpPeer(relay.address)))
        const said: string[] = []
        for (const client of clients) said.push(await client.ask('?'))
        assert.equal(said.toSorted().join(''), '001122')
        for (const [i, client] of clients.entries()) assert.equal(await client.ask('again'), said[i])
        assert.deepEqual((await relay.server.upstreams()).map(({ open, sessions }) => [open, sessions]), [[2, 2], [2, 2], [2, 2]])
      })
    })

    it('a flow whose member refuses goes elsewhere once that is ejected', async () => {
      const [there] = await numbered(1)
      assert(there)
      const gone = `127.0.0.1:${await unusedPort()}`
      const set = toSet([{ to: udp(gone), weight: 1000 }, udp(there.address)], { ejection: { afterFailures: 2 } })
      await withRelay(set, { thread }, async (relay) => {
        const client = await udpPeer(relay.address)
        await eventually('an answer from the other member', async () => {
          await client.send('?')
          return there.count() > 0
        })
        assert.equal((await client.receive()).bytes.toString(), '0')
        assert.equal((await relay.close()).reason, 'connectRefused')
        const [notice] = await relay.notices()
        assert.deepEqual([notice?.upstream, notice?.state], [gone, 'ejected'])
      })
    })

    it('what a filter answers itself says nothing about the member', async () => {
      const [port, live] = [await unusedPort(), await udpEcho()]
      const answers = filterDatagrams({ toUpstream: (batch) => { for (const datagram of batch) if (datagram.bytes[0] === 0x70) batch.reply(datagram, 'pong') } })
      await withRelay(pipe(from(udp('127.0.0.1:0')), answers, forward(upstreams([udp(`127.0.0.1:${port}`), udp(live.address)]))), { thread: 'embedded' }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let failures = 1; failures <= 3; failures++) {
          await peer.send('question')
          await until(() => relay.server.ledger().datagrams.icmpErrors === failures, 'the refusal')
          if (failures < 3) assert.equal(await peer.ask('ping'), 'pong')
        }
        assert.deepEqual((await relay.notices()).map(({ state }) => state), ['ejected'])
      })
    })

    it('dgramCheck keeps new flows away from a member that does not answer as expected, and `closeOnUnhealthy` ends those it has', async () => {
      let answer = 'pong'
      const sick = await udpPeer(undefined, { answer: (bytes) => (bytes.toString() === 'ping' ? answer : 'sick') })
      const well = await udpPeer(undefined, { answer: (bytes) => (bytes.toString() === 'ping' ? 'pong' : 'well') })
      const health = dgramCheck({ send: 'ping', expect: 'pong', intervalMs: 20, timeoutMs: 200, fall: 1, rise: 1 })
      const set = toSet([udp(sick.address), { to: udp(well.address), backup: true }], { health, closeOnUnhealthy: true })
      await withRelay(set, { thread }, async (relay) => {
        const client = await udpPeer(relay.address)
        assert.equal(await client.ask('?'), 'sick')
        answer = 'no'
        const [notice] = await relay.notices()
        assert.deepEqual([notice?.upstream, notice?.state, notice?.message], [sick.address, 'unhealthy', 'no answer within 200 ms'])
        assert.equal((await relay.close()).reason, 'upstreamUnhealthy')
        assert.equal(await client.ask('?'), 'well')
        answer = 'pong'
        await relay.notices(2)
        assert.deepEqual(await stateOf(relay), ['healthy', 'healthy'])
        const other = await udpPeer(relay.address)
        assert.equal(await other.ask('?'), 'sick')
        assert.equal(await client.ask('?'), 'well', 'a flow stays where it is')
      })
    })

    it('an ICMP error fails a check at once', async () => {
      const set = toSet([udp(`127.0.0.1:${await unusedPort()}`)], { health: dgramCheck({ send: 'ping', timeoutMs: 60_000 }) })
      await withRelay(set, { thread }, async (relay) => {
        assert.equal((await relay.notices())[0]?.message, 'ECONNREFUSED')
        const client = await udpPeer(relay.address)
        await client.send('?')
        await eventually('the datagram to be dropped', () => relay.server.ledger().datagrams.toUpstream.dropped.unreachable.datagrams === 1)
      })
    })

    it('a check to where nothing can be sent fails, and nothing else', async () => {
      await withRelay(toSet([udp('255.255.255.255:9')], { health: dgramCheck({ send: 'ping' }) }), { thread }, async (relay) => {
        assert.equal((await relay.notices())[0]?.message, 'EACCES')
      })
    })

    it('drops what comes from a new peer when all members have their `maxSessions`, and counts it as tableFull', async () => {
      const [there] = await numbered(1)
      assert(there)
      await withRelay(toSet([udp(there.address)], { maxSessions: 1 }), { thread }, async (relay) => {
        const first = await udpPeer(relay.address)
        assert.equal(await first.ask('?'), '0')
        const second = await udpPeer(relay.address)
        await second.send('?')
        await eventually('the datagram to be dropped', () => relay.server.ledger().datagrams.toUpstream.dropped.tableFull.datagrams === 1)
        assert.equal(await first.ask('?'), '0')
      })
    })

    it('can be changed 100 times while flows go on', async () => {
      const all = await Promise.all(Array.from({ length: 4 }, () => udpEcho()))
      const endpoints = all.map(({ address }) => udp(address))
      const set = upstreams(endpoints)
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        const clients = await Promise.all(Array.from({ length: 5 }, () => udpPeer(relay.address)))
        for (let change = 0; change < 100; change++) {
          relay.server.setUpstreams(set, endpoints.filter((_, i) => (change >> i) % 2 === 0 || i === change % 4))
          for (const client of clients) assert.equal(await client.ask(`change ${change}`), `change ${change}`)
          const passing = await udpPeer(relay.address)
          assert.equal(await passing.ask('passing'), 'passing')
          await passing.close()
        }
        assert.deepEqual(relay.events.filter(({ type }) => type === 'close'), [])
      })
    })

    it('a flow to a name waits for its address, as it does without a set', async () => {
      const [there] = await numbered(1)
      assert(there)
      let answer: () => void = () => undefined
      const known = new Promise<void>((resume) => { answer = resume })
      const resolver = async () => {
        await known
        return [{ address: '127.0.0.1', ttl: 60 }]
      }
      await withRelay(toSet([udp(`late.test:${there.port}`)]), { thread, resolver }, async (relay) => {
        const client = await udpPeer(relay.address)
        await client.send('?')
        await relay.opens()
        answer()
        assert.equal((await client.receive()).bytes.toString(), '0')
      })
    })
  })
}
