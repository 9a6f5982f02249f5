/** UDP ASSOCIATE of `socks5` (RFC 1928 section 7). Longer than 250 lines: one rule after another. */
import assert from 'node:assert/strict'
import { listen as from, pipe, socks5, tcp, throttle, transform, user, type Socks5Options, type Stage, type Resolver } from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { connect, destroyPeers, type Peer } from '../support/peers.ts'
import { settled } from '../support/proc.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { stall, until } from '../support/until.ts'

const loopback: Socks5Options = { allow: ['127.0.0.0/8', '::1'], ports: ['1-65535'], udp: true }

/** From an address type on: `127.0.0.1:53`, or a name and a port. */
function address(text: string): Buffer {
  const colon = text.lastIndexOf(':')
  const [host, port] = [text.slice(0, colon), Number(text.slice(colon + 1))]
  const bytes = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? Buffer.from([1, ...host.split('.').map(Number)]) : host === '[::1]' ? Buffer.from([4, ...Array.from({ length: 15 }, () => 0), 1]) : Buffer.concat([Buffer.from([3, host.length]), Buffer.from(host)])
  return Buffer.concat([bytes, Buffer.from([port >> 8, port & 255])])
}

/** A datagram as the client sends it. */
function packet(to: string, payload: string | Uint8Array, head: readonly number[] = [0, 0, 0]): Buffer {
  return Buffer.concat([Buffer.from(head), address(to), Buffer.from(payload)])
}

/** Asks for an association; the reply's code and where to send to. */
async function associate(relayAddress: string, stated = '0.0.0.0:0'): Promise<{ readonly peer: Peer; readonly code: number; readonly inside: string }> {
  const peer = await connect(relayAddress)
  await peer.send(Buffer.concat([Buffer.from([5, 1, 0, 5, 3, 0]), address(stated)]))
  assert.equal((await peer.read(2)).toString('hex'), '0500')
  const [, code = -1, , type] = await peer.read(4)
  const rest = await peer.read(type === 4 ? 18 : 6)
  const [host, port] = [type === 4 ? '[::1]' : rest.subarray(0, 4).join('.'), rest.readUInt16BE(rest.length - 2)]
  return { peer, code, inside: `${host}:${port}` }
}

for (const thread of threads) {
  describe(`UDP ASSOCIATE, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const served = (options: Socks5Options, body: (relay: TestRelay) => Promise<void>, resolver?: Resolver, ...stages: readonly Stage<'stream'>[]): Promise<void> =>
      withRelay(pipe(from(tcp('127.0.0.1:0')), ...stages, socks5({ ...loopback, ...options })), { thread, ...(resolver === undefined ? {} : { resolver }) }, body)

    it('relays to many destinations, each answer with whom it is from, and every datagram is in the books', async () => {
      await served({}, async (relay) => {
        const echoes = await Promise.all([udpEcho(), udpEcho(), udpEcho({ host: '::1' })])
        const { inside, code } = await associate(relay.address)
        assert.equal(code, 0)
        const client = await udpPeer(inside)
        for (const { address: to } of echoes) {
          for (const payload of ['', 'x', 'y'.repeat(1_500), 'z'.repeat(60_000)]) {
            await client.send(packet(to, payload))
            assert.deepEqual((await client.receive()).bytes, packet(to, payload))
          }
        }
        const [first] = echoes
        await client.burst(Array.from({ length: 200 }, (_, i) => packet(first.address, `${i}`)))
        assert.deepEqual(await client.texts(200), Array.from({ length: 200 }, (_, i) => packet(first.address, `${i}`).toString('latin1')))
        await ledgerSays(relay.server, 'toUpstream', { received: 212, sent: 212 })
        await ledgerSays(relay.server, 'toDownstream', { received: 212, sent: 212 })
        assert.equal(relay.server.ledger().toUpstream.crossed, 0)
      })
    })

    it('ends with its TCP connection, whose close event counts the bytes', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const { peer, inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        await client.send(packet(echo.address, 'hello'))
        await client.receive()
        await peer.end()
        const { reason, bytesToUpstream } = await relay.close()
        assert.deepEqual([reason, bytesToUpstream], ['finished', 5])
        await client.send(packet(echo.address, 'late'))
        const { inside: another } = await associate(relay.address)
        await client.send(packet(echo.address, 'again'), another)
        await client.receive()
        assert.equal(echo.count(), 2)
      })
    })

    it('hears only the client, at the port that it first sent from', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const { inside } = await associate(relay.address)
        const [client, another, neighbour] = [await udpPeer(inside), await udpPeer(inside), await udpPeer(inside, { host: '127.0.0.2' })]
        await neighbour.send(packet(echo.address, 'from another address'))
        await ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: { policy: 1 } })
        await client.send(packet(echo.address, 'mine'))
        await client.receive()
        await another.send(packet(echo.address, 'from another port'))
        await ledgerSays(relay.server, 'toUpstream', { received: 3, sent: 1, dropped: { policy: 2 } })
        assert.deepEqual([echo.count(), client.count(), another.count(), neighbour.count()], [1, 1, 0, 0])
      })
    })

    it('a client that states its port is heard at no other', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const [client, another] = [await udpPeer(), await udpPeer()]
        const { inside } = await associate(relay.address, client.address)
        await another.send(packet(echo.address, 'no'), inside)
        await client.send(packet(echo.address, 'yes'), inside)
        await client.receive()
        await ledgerSays(relay.server, 'toUpstream', { received: 2, sent: 1, dropped: { policy: 1 } })
      })
    })

    it('only those that it has sent to may answer', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const stranger = await udpPeer()
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        await client.send(packet(echo.address, 'hello'))
        await client.receive()
        const { from: outside } = await echo.receive()
        await stranger.send('unasked', outside)
        await ledgerSays(relay.server, 'toDownstream', { received: 2, sent: 1, dropped: { policy: 1 } })
        assert.equal(client.count(), 1)
      })
    })

    it('fragments, and what is no datagram of SOCKS5, are dropped', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        const wrong = [packet(echo.address, 'x', [0, 0, 1]), packet(echo.address, 'x', [0, 0, 0x81]), packet(echo.address, 'x', [0, 1, 0]), '', 'x', Buffer.from([0, 0, 0, 2, 1, 2]), packet('127.0.0.1:0', 'x'), packet('0x7f.1:53', 'x')]
        for (const one of wrong) await client.send(one)
        await client.send(packet(echo.address, 'right'))
        await client.receive()
        await ledgerSays(relay.server, 'toUpstream', { received: 9, sent: 1, dropped: { malformed: 8 } })
        assert.equal(echo.count(), 1)
      })
    })

    it('goes nowhere that a connection may not go, by whatever name', async () => {
      const resolver: Resolver = async (name) => (name === 'mixed.example' ? ['192.0.2.1', '127.0.0.1'] : ['127.0.0.1']).map((one) => ({ address: one, ttl: 60 }))
      await served({ allow: ['127.0.0.2/32', '192.0.2.0/24'], ports: ['1-65535'] }, async (relay) => {
        const forbidden = await udpPeer()
        const { port } = forbidden
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        const forms = [`127.0.0.1:${port}`, `localhost:${port}`, `mixed.example:${port}`, `10.0.0.1:${port}`, `[::1]:${port}`]
        for (const form of forms) await client.send(packet(form, 'x'))
        await ledgerSays(relay.server, 'toUpstream', { received: 5, dropped: { policy: 5 } })
        assert.equal(forbidden.count(), 0)
      }, resolver)
      await served({ ports: [53] }, async (relay) => {
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        await client.send(packet('127.0.0.1:54', 'x'))
        await ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: { policy: 1 } })
      })
    })

    it('datagrams wait for the name that they are for, some of them, and one lookup is for all', async () => {
      let [answer, lookups] = [(): void => undefined, 0]
      const resolver: Resolver = async () => {
        lookups++
        await new Promise<void>((resolve) => { answer = resolve })
        return [{ address: '127.0.0.1', ttl: 60 }]
      }
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        for (let i = 0; i < 20; i++) await client.send(packet(`slow.example:${echo.port}`, `${i}`))
        await ledgerSays(relay.server, 'toUpstream', { received: 20, dropped: { tableFull: 4 } })
        assert.equal(relay.server.ledger().datagrams.toUpstream.pending, 16)
        await until(() => lookups === 1, 'the lookup')
        answer()
        assert.deepEqual(await client.texts(16), Array.from({ length: 16 }, (_, i) => packet(echo.address, `${i}`).toString('latin1')))
        await client.send(packet(`slow.example:${echo.port}`, 'known'))
        await client.receive()
        assert.equal(lookups, 1)
      }, resolver)
    })

    it('asks for no more names than it can keep datagrams for', async () => {
      const asked = new Set<string>()
      await served({}, async (relay) => {
        const { inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        for (let i = 0; i < 100; i++) await client.send(packet(`name-${i}.example:53`, 'x'))
        await ledgerSays(relay.server, 'toUpstream', { received: 100, dropped: { tableFull: 84 } })
        await until(() => asked.size >= 16, 'the names to be asked for')
        assert.deepEqual([...asked], Array.from({ length: 16 }, (_, i) => `name-${i}.example`))
        relay.server.endSession((await relay.server.sessions())[0]?.id ?? 0)
        await relay.close()
        await ledgerSays(relay.server, 'toUpstream', { received: 100, dropped: { tableFull: 84, expired: 16 } })
      }, (name) => {
        asked.add(name)
        return new Promise(() => undefined)
      })
    })

    it('a datagram that is none of SOCKS5 says nothing about the port of the client', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const { inside } = await associate(relay.address)
        const [client, another] = [await udpPeer(inside), await udpPeer(inside)]
        await another.send('anything')
        await ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: { malformed: 1 } })
        await client.send(packet(echo.address, 'mine'))
        await client.receive()
      })
    })

    it('what waits for a name when it ends is expired', async () => {
      await served({}, async (relay) => {
        const { peer, inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        await client.send(packet('never.example:53', 'x'))
        await ledgerSays(relay.server, 'toUpstream', { received: 1 })
        peer.destroy()
        await relay.close()
        await ledgerSays(relay.server, 'toUpstream', { received: 1, dropped: { expired: 1 } })
      }, () => new Promise(() => undefined))
    })

    it('a throttle drops what is over the rate, of this user', async () => {
      const auth = [user('slow', 'x', throttle({ bytesPerSecond: 1_000, burstBytes: 1_000 }))]
      await served({ auth }, async (relay) => {
        const echo = await udpEcho()
        const peer = await connect(relay.address)
        await peer.send(Buffer.concat([Buffer.from([5, 1, 2]), Buffer.from('\x01\x04slow\x01x'), Buffer.from([5, 3, 0]), address('0.0.0.0:0')]))
        const reply = await peer.read(2 + 2 + 10)
        const client = await udpPeer(`127.0.0.1:${reply.readUInt16BE(12)}`)
        await client.burst(Array.from({ length: 10 }, () => packet(echo.address, Buffer.alloc(500))))
        await client.receive()
        await client.receive()
        const { received, sent, dropped } = await allCounted(relay)
        assert.equal(received, 10)
        assert.equal(sent + (dropped.policy ?? 0), 10)
        assert.ok(sent >= 2 && sent < 10, `${sent} of 10 passed`)
      })
    })

    it('a throttle lets a datagram through that is longer than its burst, now and then', async () => {
      await served({}, async (relay) => {
        const echo = await udpEcho()
        const client = await udpPeer((await associate(relay.address)).inside)
        await client.send(packet(echo.address, 'x'.repeat(1_200)))
        await client.receive()
      }, undefined, throttle({ bytesPerSecond: 8_000 }))
    })

    it('what the kernel had no room for is counted when it ends', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), socks5(loopback)), { thread: 'embedded' }, async (relay) => {
        const upstream = await udpPeer()
        const { peer, inside } = await associate(relay.address)
        const client = await udpPeer(inside)
        await client.send(packet(upstream.address, 'first'))
        await upstream.receive()
        const sent = client.burst(Array.from({ length: 2_000 }, () => packet(upstream.address, 'x'.repeat(1_000))))
        stall(100)
        await sent
        await settled(() => relay.server.ledger().datagrams.toUpstream.received)
        await peer.end()
        await relay.close()
        const { received, dropped } = relay.server.ledger().datagrams.toUpstream
        assert.equal(received, 2_001)
        assert.ok(dropped.kernelOverflow.datagrams > 0)
      })
    })

    it('is refused where it was not asked for, and where a transform would have to see it', async () => {
      await served({ udp: false }, async (relay) => {
        const { peer, code } = await associate(relay.address)
        assert.equal(code, 7)
        await peer.end()
        assert.equal((await peer.readAll()).ending, 'fin')
        assert.equal((await relay.close()).reason, 'denied')
      })
      if (thread === 'own') return
      await served({}, async (relay) => {
        const { peer, code } = await associate(relay.address)
        await peer.end()
        assert.equal(code, 7)
      }, undefined, transform({ toUpstream: (chunk) => chunk }))
    })
  })
}

/** All ten have been counted. */
async function allCounted(relay: TestRelay): Promise<ReturnType<typeof countsOf>> {
  await until(() => countsOf(relay.server.ledger(), 'toUpstream').received === 10, 'ten datagrams to be counted')
  return countsOf(relay.server.ledger(), 'toUpstream')
}
