/** STUN over UDP: nothing is kept of whom it answered, the right address answers, and the books close. */
import assert from 'node:assert/strict'
import { allow, deny, echo, forward, listen as from, otherwise, pipe, prefix, route, stun, stunBinding, tcp, udp, when } from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { asker, attributes, mappedIn, parse, refilled, request, success } from '../support/stun.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

for (const thread of threads) {
  describe(`STUN over UDP, ${thread} thread`, () => {
    it('has no flows, and its ledger closes', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), stun()), { thread }, async (relay) => {
        for (let i = 0; i < 20; i++) assert.equal((await (await asker('udp', relay.address)).ask(request())).length, 1)
        assert.equal(relay.server.ledger().sessions.accepted, 0)
        assert.deepEqual(await relay.server.sessions(), [])
        await ledgerSays(relay.server, 'toUpstream', { received: 40, consumed: 40 })
        await ledgerSays(relay.server, 'toDownstream', { produced: 40, sent: 40 })
      })
    })

    it('answers a thousand that come at once, each its own', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), stun()), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        const questions = Array.from({ length: 1_000 }, () => request())
        await peer.burst(questions)
        const expected = new Set(questions.map((question) => question.subarray(4, 20).toString('hex')))
        for (let i = 0; i < questions.length; i++) assert.ok(expected.delete(parse((await peer.receive()).bytes).transaction))
      })
    })

    it('answers from the address that was asked, and tells an IPv4 client of a dual-stack listener its IPv4 address', async () => {
      await withRelay([pipe(from(udp('0.0.0.0:0')), stun()), pipe(from(udp('[::]:0')), stun())], { thread }, async (relay) => {
        for (const pipeline of [0, 1]) {
          const { port } = new URL(`udp://${relay.addressOf(pipeline)}`)
          const peer = await udpPeer(`127.0.0.7:${port}`, { host: '127.0.0.1' })
          await peer.send(request())
          const { bytes, from: who } = await peer.receive()
          assert.equal(who, `127.0.0.7:${port}`)
          assert.deepEqual([parse(bytes).type, mappedIn(parse(bytes))], [success, peer.address])
        }
      })
    })

    it('answers what was sent to a broadcast address of IPv4 from an address of its own, also by a dual-stack listener, which has flows for such peers too', async () => {
      await withRelay([pipe(from(udp('0.0.0.0:0')), stun()), pipe(from(udp('[::]:0')), stun()), pipe(from(udp('[::]:0')), echo())], { thread }, async (relay) => {
        for (const pipeline of [0, 1, 2]) {
          const { port } = new URL(`udp://${relay.addressOf(pipeline)}`)
          const peer = await udpPeer(`127.255.255.255:${port}`, { host: '127.0.0.1' })
          peer.socket.setBroadcast(true)
          await peer.send(request())
          const { bytes, from: who } = await peer.receive()
          assert.deepEqual([who, bytes.length], [`127.0.0.1:${port}`, pipeline === 2 ? 20 : 32])
        }
      })
    })

    it('stands behind allow and deny, and what those refuse is policy', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), deny('127.0.0.8/32'), allow('127.0.0.0/8'), stun()), { thread }, async (relay) => {
        await (await udpPeer(relay.address, { host: '127.0.0.8' })).send(request())
        assert.equal((await (await asker('udp', relay.address)).ask(request())).length, 1)
        await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 2, dropped: { policy: 1 } })
      })
    })

    it('ratePerAddress: a second of answers to an address, whatever its port, and the rest is policy; another address has its own', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), stun({ ratePerAddress: 5 })), { thread }, async (relay) => {
        const [one, same, other] = await Promise.all(['127.0.0.3', '127.0.0.3', '127.0.0.4'].map((host) => udpPeer(relay.address, { host })))
        assert(one && same && other)
        const began = performance.now()
        await one.burst(Array.from({ length: 10 }, () => request()))
        await same.burst(Array.from({ length: 10 }, () => request()))
        assert.equal(parse((await other.send(request()).then(() => other.receive())).bytes).type, success)
        const counts = () => countsOf(relay.server.ledger(), 'toUpstream')
        await until(() => counts().received === 21, 'all to be received')
        const { consumed, dropped } = counts()
        assert.deepEqual(dropped, { policy: 21 - consumed })
        const more = refilled(5, began)
        assert.ok(consumed >= 6 && consumed <= 6 + more, `${consumed} answered, for ${more} there was time`)
        await until(() => one.count() + same.count() === consumed - 1, 'the answers')
      })
    })

    it('ratePerAddress: what is not answered costs nothing, and stays malformed', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), stun({ ratePerAddress: 2 })), { thread }, async (relay) => {
        const peer = await asker('udp', relay.address)
        const silent = [Buffer.from('hello'), request({ type: 0x0011 }), request({ type: success }), request({ fingerprint: 'wrong' })]
        assert.equal((await peer.ask(...silent, ...silent, request())).length, 1)
        await ledgerSays(relay.server, 'toUpstream', { received: 10, consumed: 2, dropped: { malformed: 8 } })
      })
    })

    it('stunBinding: one port answers STUN and relays the rest, by flows', async () => {
      const upstream = await udpEcho()
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(stunBinding(), stun()), when(prefix('echo'), echo()), otherwise(forward(udp(upstream.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        for (let round = 0; round < 3; round++) {
          await peer.burst(['media', request(), 'echo', request({ type: 0x0011 })])
          const got = [await peer.receive(), await peer.receive(), await peer.receive(), await peer.receive()].map(({ bytes }) => bytes)
          const answers = got.filter((bytes) => bytes.length === 32)
          assert.deepEqual(answers.map((bytes) => mappedIn(parse(bytes))), [peer.address])
          // An indication is no request: it is relayed.
          assert.deepEqual(got.filter((bytes) => bytes.length !== 32).map(({ length }) => length).sort((a, b) => a - b), [4, 5, 20])
        }
        assert.equal(upstream.count(), 6)
        assert.equal(relay.server.ledger().sessions.open, 2)
      })
    })

    it('stunBinding: the checks of ICE and what may be no STUN at all go to the upstream, by one flow', async () => {
      const upstream = await udpPeer(undefined, { answer: () => 'the media server' })
      await withRelay(pipe(from(udp('127.0.0.1:0')), route(when(stunBinding(), stun()), otherwise(forward(udp(upstream.address))))), { thread }, async (relay) => {
        const peer = await udpPeer(relay.address)
        const { username, integrity } = attributes
        const checks = [
          request({ attributes: [[username, Buffer.from('evtj:h6vY')], [integrity, Buffer.alloc(20)]], fingerprint: 'right' }),
          request({ attributes: [[0x001c, Buffer.alloc(32)]] }),
          request({ fingerprint: 'wrong' }),
        ]
        for (const check of checks) {
          assert.equal(await peer.ask(check), 'the media server')
          assert.deepEqual((await upstream.receive()).bytes, check)
        }
        assert.equal(relay.server.ledger().sessions.open, 1)
      })
    })

    it('stunBinding: one TCP port answers STUN and relays the rest', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), route(when(stunBinding(), stun()), otherwise(echo()))), { thread }, async (relay) => {
        assert.equal((await (await asker('tcp', relay.address)).ask(request())).length, 1)
        const other = await connect(relay.address)
        await other.end('SSH-2.0-')
        assert.equal((await other.readAll()).text, 'SSH-2.0-')
      })
    })
  })
}

describe('STUN over UDP', () => {
  it('ratePerAddress: all addresses of one /64 have one budget, since one host has them all', async () => {
    const hosts = ['fd0a::1', 'fd0a::2', 'fd0a::3:0:0:1', 'fd0a:0:0:1::1', '127.0.0.1']
    const setUp = hosts.filter((host) => host.includes(':')).map((host) => `ip -6 addr add ${host}/128 dev lo nodad`).join(' && ')
    const said = await inNamespace(setUp, 'stun-networks-case.ts', ['1', ...hosts])
    if (said !== undefined) assert.deepEqual(said, [1, 0, 0, 1, 1])
  })
})
