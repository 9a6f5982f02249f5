/** SOCKS5 over real sockets (RFC 1928, RFC 1929): messages cut and joined in every way, and what each failure is called. */
import assert from 'node:assert/strict'
import { allow, explain, idleTimeout, limit, listen as from, pipe, socks5, tcp, throttle, user, type ProxyOptions } from '../../lib/index.ts'
import { exchange, everyCut } from '../support/exchange.ts'
import { taken } from '../support/kernel.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { silentListener } from '../support/silent-listener.ts'
import { ask, commands, greeting, ipv6Bytes, joined, login, portBytes, readReply, reply, request } from '../support/socks.ts'
import { unusedPort } from '../support/unused-ports.ts'

const source = () => from(tcp('127.0.0.1:0'))
const here = { allow: ['127.0.0.0/8', '::1/128'] } as const
const resolver = async (name: string) => (name.startsWith('up.') ? [{ address: '127.0.0.1', ttl: 60 }] : [])

for (const thread of threads) {
  describe(`socks5, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const withProxy = (options: ProxyOptions, body: (relay: TestRelay) => Promise<void>) => withRelay(pipe(source(), socks5(options)), { thread, resolver }, body)

    for (const [what, host, listenAt, users] of [
      ['IPv4', '127.0.0.1', '127.0.0.1', false], ['IPv6', '::1', '::1', false], ['a name', 'Up.Example.', '127.0.0.1', false], ['a login', '127.0.0.1', '127.0.0.1', true],
    ] as const) {
      it(`to ${what}: however the messages and what follows them are cut, both sides get exactly what is theirs`, async () => {
        const upstream = await listen({ host: listenAt })
        const early = 'early data \0\x05\x01'
        const messages = [users ? greeting(0, 2) : greeting(0), ...(users ? [login('somebody', 'secret')] : []), request(host, upstream.port)]
        const all = joined(...messages, early)
        const cuts = [[...messages, joined(early)], ...everyCut(all)]
        await withProxy(users ? { ...here, auth: { nobody: 'secret', somebody: 'secret' } } : here, async (relay) => {
          for (const pieces of cuts) {
            const { heard, said, bound } = await exchange(relay, upstream, pieces)
            const replies = joined([5, users ? 2 : 0], users ? [1, 0] : '', [5, 0, 0], what === 'IPv6' ? joined([4], ipv6Bytes('::1')) : [1, 127, 0, 0, 1], portBytes(bound))
            assert.deepEqual([heard, said], [early, `${replies.toString('latin1')}first words, and the last`], pieces.map((piece) => Buffer.from(piece).toString('hex')).join(' '))
          }
          const closes = await relay.closes(cuts.length)
          assert.deepEqual([...new Set(closes.map(({ reason }) => reason))], ['finished'])
          const { toUpstream, toDownstream } = relay.server.ledger()
          const handshake = all.length - early.length
          assert.deepEqual({ ...toUpstream }, { received: cuts.length * all.length, produced: 0, sent: cuts.length * early.length, consumed: cuts.length * handshake, dropped: 0, pending: 0, crossed: 0 })
          assert.deepEqual([toDownstream.dropped, toDownstream.crossed, toDownstream.received], [0, 0, cuts.length * 25])
        })
      })
    }

    it('each message gets its answer before the next one is sent, and the upstream is not dialled before it is asked for', async () => {
      const upstream = await listen()
      await withProxy({ ...here, auth: { a: 'b' } }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(greeting(0, 1, 2))
        assert.deepEqual([...(await peer.read(2))], [5, 2])
        await peer.send(login('a', 'b'))
        assert.deepEqual([...(await peer.read(2))], [1, 0])
        await taken(peer)
        assert.equal(upstream.count(), 0)
        assert.deepEqual((await relay.server.sessions()).map(({ state }) => state), ['head'])
        await peer.send(request('127.0.0.1', upstream.port))
        const { code, bound } = await readReply(peer)
        const there = await upstream.accept()
        assert.deepEqual([code, bound], [0, `127.0.0.1:${there.socket.remotePort}`])
        const [open] = await relay.opens()
        assert.equal(open?.upstream, upstream.address)
        assert.equal(open.downstream, `127.0.0.1:${peer.socket.localPort}`)
        there.destroy()
        peer.destroy()
      })
    })

    const refusals: readonly (readonly [what: string, host: string, port: number | 'unused', code: number, reason: string, options?: ProxyOptions, command?: number])[] = [
      ['a private destination', '127.0.0.1', 80, 2, 'denied', {}],
      ['a name of a private destination', 'up.example', 80, 2, 'denied', {}],
      ['a destination that `deny` has', '127.0.0.1', 80, 2, 'denied', { ...here, deny: ['127.0.0.1/32'] }],
      ['the port of SMTP', '127.0.0.1', 25, 2, 'denied', here],
      ['a port that `ports` does not have', '127.0.0.1', 80, 2, 'denied', { ...here, ports: [443, '8000-8999'] }],
      ['a port where nobody listens', '127.0.0.1', 'unused', 5, 'connectRefused', here],
      ['a port of a name where nobody listens', 'up.example', 'unused', 5, 'connectRefused', here],
      ['what the network does not reach', '127.255.255.255', 80, 3, 'connectUnreachable', here],
      ['a name that has no address', 'nothing.example', 80, 4, 'nameUnresolved', here],
      ['BIND', '127.0.0.1', 80, 7, 'denied', here, commands.bind],
      ['a command that there is none of', '127.0.0.1', 80, 7, 'denied', here, 0x7f],
      ['port 0', '127.0.0.1', 0, 4, 'malformed', here],
      ['what is no name', 'a name', 80, 4, 'malformed', here],
      ['what some take for an address', '0x7f.1', 80, 4, 'malformed', here],
    ]
    for (const [what, host, port, code, reason, options = {}, command = commands.connect] of refusals) {
      it(`${what} is answered with ${code}, the session ends with ${reason}, and early data goes nowhere`, async () => {
        const to = port === 'unused' ? await unusedPort() : port
        await withProxy(options, async (relay) => {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(0), request(host, to, command), 'early'))
          const { text, ending } = await peer.readAll()
          assert.deepEqual([text, ending], [joined([5, 0], reply(code)).toString('latin1'), 'fin'])
          await peer.end()
          const closed = await relay.close()
          assert.equal(closed.reason, reason)
          if (reason === 'denied' && command === commands.connect) assert.equal(closed.upstream, `127.0.0.1:${to}`)
          assert.equal(closed.bytesToUpstream, 0)
          assert.equal(relay.events.some(({ type }) => type === 'open'), false)
        })
      })
    }

    for (const [what, bytes, code] of [
      ['an address type that there is none of', joined([5, 1, 0, 2, 127, 0, 0, 1, 0, 80]), 8], ['a reserved byte that is not zero', joined([5, 1, 1, 1, 127, 0, 0, 1, 0, 80]), 1],
      ['a name without a letter', joined([5, 1, 0, 3, 0, 0, 80]), 1], ['another version', joined([4, 1, 0, 1, 127, 0, 0, 1, 0, 80]), 1],
    ] as const) {
      it(`${what} in the request is answered with ${code}`, async () => {
        await withProxy(here, async (relay) => {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(0), bytes))
          assert.equal((await peer.readAll()).text, joined([5, 0], reply(code)).toString('latin1'))
          await peer.end()
          assert.equal((await relay.close()).reason, 'malformed')
        })
      })
    }

    it('a destination that does not answer is answered with 6 at the end of its time', async () => {
      const hole = await silentListener()
      try {
        await withProxy({ ...here, connectTimeoutMs: 200, retries: 0 }, async (relay) => {
          const peer = await connect(relay.address)
          const [host = '', port] = hole.address.split(':')
          assert.equal((await ask(peer, host, Number(port))).code, 6)
          peer.destroy()
          assert.equal((await relay.close()).reason, 'connectTimeout')
        })
      } finally {
        await hole.close()
      }
    })

    it('a host that the network says is not there is answered with 4', async () => {
      const said = await inNamespace('ip route add unreachable 10.9.8.0/24', 'proxy-case.ts', [thread, '10.0.0.0/8', '10.9.8.7'])
      if (said !== undefined) assert.deepEqual(said, { '10.9.8.7': { socks5: '4 connectUnreachable', httpConnect: '502 connectUnreachable' } })
    })

    it('what is no SOCKS5 is reset without a word', async () => {
      for (const bytes of [joined([4, 1, 0, 80, 127, 0, 0, 1, 0]), joined('GET / HTTP/1.1\r\n\r\n'), joined([5, 0]), joined([0x16, 3, 1])]) {
        await withProxy(here, async (relay) => {
          const peer = await connect(relay.address)
          await peer.send(bytes)
          const { bytes: count, ending } = await peer.readAll()
          assert.deepEqual([count, ending], [0, 'reset'])
          assert.equal((await relay.close()).reason, 'malformed')
        })
      }
    })

    it('a client without the method that is needed is told that there is none', async () => {
      for (const [options, methods] of [[here, [2]], [here, [1, 3, 0x80]], [{ ...here, auth: { a: 'b' } }, [0]], [{ ...here, auth: { a: 'b' } }, [1, 0, 0xff]]] as const) {
        await withProxy(options, async (relay) => {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(...methods), request('127.0.0.1', 80)))
          assert.equal((await peer.readAll()).text, '\x05\xff')
          await peer.end()
          assert.equal((await relay.close()).reason, 'loginFailed')
        })
      }
    })

    it('a login that is wrong in any way ends the session, whatever is sent behind it', async () => {
      const upstream = await listen()
      await withProxy({ ...here, auth: { ada: 'secret', bob: 'other' } }, async (relay) => {
        const wrong = [login('ada', 'other'), login('ada', 'secre'), login('ada', 'secrets'), login('ad', 'secret'), login('ada\0', 'secret'), login('ADA', 'secret'), login('ada', ''), login('eve', 'secret'),
          login('a'.repeat(255), 's'.repeat(255)), joined([1, 0, 0]), joined([5, 3], 'ada', [6], 'secret')]
        for (const [i, bytes] of wrong.entries()) {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(2), bytes, request('127.0.0.1', upstream.port)))
          const { text } = await peer.readAll()
          assert.equal(text, '\x05\x02\x01\x01', bytes.toString('hex'))
          await peer.end()
          assert.equal((await relay.closes(i + 1))[i]?.reason, 'loginFailed')
        }
        assert.equal(upstream.count(), 0)
      })
    })

    it('the stages of a user hold for that user alone', async () => {
      const upstream = await listen({ onPeer: ({ socket }) => socket.pipe(socket) })
      const auth = [
        user('one', 'p', limit({ maxSessions: 1 })), user('free', 'p'), user('slow', 'p', throttle({ bytesPerSecond: 1_000, burstBytes: 100 })), user('elsewhere', 'p', allow('10.0.0.0/8')),
        user('patient', 'p', idleTimeout(100)),
      ]
      await withProxy({ ...here, auth }, async (relay) => {
        const as = async (name: string) => {
          const peer = await connect(relay.address)
          await peer.send(joined(greeting(2), login(name, 'p'), request('127.0.0.1', upstream.port)))
          await peer.read(4)
          return { peer, ...(await readReply(peer)) }
        }
        const over = async (count: number, reason: string) => assert.equal((await relay.closes(count))[count - 1]?.reason, reason)
        const elsewhere = await as('elsewhere')
        assert.equal(elsewhere.code, 2)
        elsewhere.peer.destroy()
        await over(1, 'denied')
        const first = await as('one')
        assert.equal(first.code, 0)
        const second = await as('one')
        assert.equal(second.code, 1)
        second.peer.destroy()
        await over(2, 'limited')
        const free = await as('free')
        assert.equal(free.code, 0)
        await free.peer.send('x'.repeat(50_000))
        await free.peer.read(50_000)
        first.peer.destroy()
        await over(3, 'finished')
        assert.equal((await as('one')).code, 0)
        const slow = await as('slow')
        const began = performance.now()
        await slow.peer.send('x'.repeat(400))
        await slow.peer.read(400)
        assert.ok(performance.now() - began > 200, 'it has its own rate')
        assert.equal((await as('patient')).code, 0)
        await over(4, 'idleTimeout')
      })
    })
  })
}

describe('socks5, explained', () => {
  it('says who may use it and where to, which runs natively, and tells no password', () => {
    const text = explain(pipe(source(), socks5({ auth: [user('guest', 'pass-word', throttle({ bytesPerSecond: 1_000 }))], allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'], ports: [80, '8000-8999'] })))
    for (const part of [/socks5 .*1 user/, /guest:/, /throttle/, /to 10\.0\.0\.0\/8/, /never to 10\.9\.0\.0\/16/, /ports 80, 8000-8999/]) assert.match(text, part)
    assert.doesNotMatch(text, /pass-word/)
    assert.doesNotMatch(text, /\bJS\b.*(?:sees|decides)/)
  })
})
