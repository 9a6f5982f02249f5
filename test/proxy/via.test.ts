/** Proxies on the way: chains of our own, and one that answers as it may. */
import assert from 'node:assert/strict'
import {
  forward, httpConnect, httpProxy, listen as from, pipe, replace, socks5, socks5Proxy, tcp, throttle, transform, inspect, type ForwardOptions, type ServeOptions, type Stage, type Via,
} from '../../lib/index.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { byBytes, headOf, scriptedProxy, type Turn } from '../support/scripted-proxy.ts'
import { ask, greeting, joined, login, reply, request } from '../support/socks.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const source = () => from(tcp('127.0.0.1:0'))
const here = { allow: ['127.0.0.0/8'], ports: ['1-65535'] } as const
const text = (of: string): Buffer => Buffer.from(of, 'latin1')
const ok = 'HTTP/1.1 200 OK\r\n\r\n'

type Kind = 'socks5' | 'http'
const orders: readonly (readonly Kind[])[] = [1, 2, 3].flatMap((length) => Array.from({ length: 2 ** length }, (_, bits) => Array.from({ length }, (_, i): Kind => ((bits >> i) & 1 ? 'http' : 'socks5'))))

for (const thread of threads) {
  describe(`via, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const through = (to: string, via: Via | readonly Via[], body: (relay: TestRelay) => Promise<void>, options: ForwardOptions = {}, more: ServeOptions = {}, ...stages: readonly Stage<'stream'>[]) =>
      withRelay(pipe(source(), ...stages, forward(tcp(to), { via, connectTimeoutMs: 60_000, ...options })), { thread, ...more }, body)

    it('through 1, 2 and 3 proxies of either kind in each order, with logins: all bytes arrive, both ways, and early ones too', async () => {
      // The name is known to the proxies alone, so the last one resolves it.
      const resolver = async (name: string) => (name === 'db.internal' ? [{ address: '127.0.0.1', ttl: 60 }] : [])
      const who = { user: 'ada', password: 'secret' }
      const proxies = Array.from({ length: 6 }, (_, i) => pipe(source(), (i < 3 ? socks5 : httpConnect)({ ...here, auth: { ada: 'secret' } })))
      const upstream = await listen()
      const to = tcp(`db.internal:${upstream.port}`)
      await withRelay(proxies, { thread, resolver }, async (chain) => {
        const proxy = (kind: Kind, i: number): Via => (kind === 'socks5' ? socks5Proxy(chain.addressOf(i), who) : httpProxy(chain.addressOf(3 + i), who))
        const fronts = orders.map((order) => pipe(source(), forward(to, { via: order.map(proxy) })))
        await withRelay(fronts, { thread, resolver }, async (relay) => {
          for (const [i, order] of orders.entries()) {
            const peer = await connect(relay.addressOf(i))
            await peer.end('early, and all')
            const there = await upstream.accept()
            await there.send('first words, ')
            assert.equal((await there.readAll()).text, 'early, and all', order.join())
            await there.end('x'.repeat(100_000))
            const heard = await peer.readAll()
            assert.deepEqual([heard.bytes, heard.ending], [100_013, 'fin'], order.join())
          }
          const passed = orders.reduce((sum, order) => sum + order.length, 0)
          assert.deepEqual([...new Set([...(await relay.closes(orders.length)), ...(await chain.closes(passed))].map(({ reason }) => reason))], ['finished'])
        })
      })
    })

    it('names are given to the last proxy as they are, and our own proxies ask through others what their clients ask for', async () => {
      for (const [proxy, via] of [['socks5', socks5Proxy], ['http', httpProxy]] as const) {
        const expects = proxy === 'http' ? [{ expects: /^CONNECT a\.example:443 HTTP\/1\.1\r\nHost: a\.example:443\r\n\r\n$/, says: [text(`${ok}hello`)] }]
          : [{ expects: greeting(0), says: [text('\x05\0')] }, { expects: request('a.example', 443), says: [joined(reply(0), 'hello')] }]
        const other = await scriptedProxy(expects)
        let resolved = 0
        const resolver = async () => (resolved++, [])
        await withRelay(pipe(source(), socks5({ via: via(other.address) })), { thread, resolver }, async (relay) => {
          const peer = await connect(relay.address)
          const done = other.done()
          assert.equal((await ask(peer, 'A.Example', 443)).code, 0)
          assert.equal(String(await peer.read(5)), 'hello')
          const there = await done
          await peer.end('bye')
          assert.equal((await there.readAll()).text.slice(-3), 'bye')
          await there.end()
        })
        assert.equal(resolved, 0)
      }
    })

    it('a destination that may not be reached is not asked for either, and the way of a proxy is told to its client', async () => {
      const other = await scriptedProxy([{ expects: greeting(0), says: [text('\x05\0')] }, { expects: 10, says: [reply(5)] }])
      await withRelay(pipe(source(), socks5({ via: socks5Proxy(other.address) })), { thread }, async (relay) => {
        for (const denied of ['127.0.0.1', '10.0.0.1', '::ffff:10.0.0.1', '64:ff9b::7f00:1']) {
          const peer = await connect(relay.address)
          assert.equal((await ask(peer, denied, 80)).code, 2, denied)
          peer.destroy()
        }
        assert.equal(other.count(), 0)
        const done = other.done()
        const peer = await connect(relay.address)
        assert.equal((await ask(peer, '192.0.2.1', 80)).code, 5)
        ;(await done).destroy()
      })
    })

    /** Answers of a good proxy: what the server says first comes right behind them. */
    const good: readonly (readonly [what: string, via: (at: string) => Via, turns: readonly Turn[]])[] = [
      ['SOCKS5 byte by byte', (at) => socks5Proxy(at), [{ expects: greeting(0), says: byBytes(text('\x05\0')) }, { expects: 10, says: byBytes(joined(reply(0, '::1', 9), 'hello')) }]],
      ['SOCKS5 with a name in its reply', (at) => socks5Proxy(at), [{ expects: greeting(0), says: [text('\x05\0')] }, { expects: 10, says: [joined(reply(0, 'some.example', 9), 'hello')] }]],
      ['SOCKS5 with a login', (at) => socks5Proxy(at, { user: 'ada', password: 'secret' }), [
        { expects: greeting(0, 2), says: [text('\x05\x02')] }, { expects: login('ada', 'secret'), says: [text('\x01\0')] }, { expects: 10, says: [joined(reply(0), 'hello')] },
      ]],
      ['SOCKS5 that wants no login', (at) => socks5Proxy(at, { user: 'ada', password: 'secret' }), [{ expects: greeting(0, 2), says: [text('\x05\0')] }, { expects: 10, says: [joined(reply(0), 'hello')] }]],
      ['SOCKS5 that answers all at once', (at) => socks5Proxy(at), [{ expects: 3, says: [joined([5, 0], reply(0), 'hello')] }, { expects: 10, says: [] }]],
      ['HTTP byte by byte', (at) => httpProxy(at), [{ expects: /^CONNECT 192\.0\.2\.1:80 HTTP\/1\.1\r\nHost: 192\.0\.2\.1:80\r\n\r\n$/, says: byBytes(text(`HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello`)) }]],
      ['HTTP with a login', (at) => httpProxy(at, { user: 'ada', password: 'se:cret' }), [{ expects: /\r\nProxy-Authorization: Basic YWRhOnNlOmNyZXQ=\r\n\r\n$/, says: [text(`${ok}hello`)] }]],
      ['HTTP that says 100 and 103 first', (at) => httpProxy(at), [{ expects: /^CONNECT/, says: [text(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}hello`)] }]],
      ['HTTP that says 204 and a length', (at) => httpProxy(at), [{ expects: /^CONNECT/, says: [text('HTTP/1.1 204 Fine\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello')] }]],
      ['HTTP with 16 KiB of fields', (at) => httpProxy(at), [{ expects: /^CONNECT/, says: [text(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(16_384 - 24)}\r\n\r\nhello`)] }]],
    ]
    for (const [what, via, turns] of good) {
      it(`${what}: what the server says first, right behind it, is not lost`, async () => {
        const proxy = await scriptedProxy(turns)
        await through('192.0.2.1:80', via(proxy.address), async (relay) => {
          const peer = await connect(relay.address)
          await peer.send('early')
          const there = await proxy.done()
          assert.equal(String(await peer.read(5)), 'hello')
          assert.equal(String(await there.read(5)), 'early')
          await there.end(', world')
          await peer.end()
          assert.equal((await peer.readAll()).text, 'hello, world')
          const { reason, bytesToDownstream } = await relay.close()
          assert.deepEqual([reason, bytesToDownstream], ['finished', 12])
        })
      })
    }

    it('a client that is gone while a proxy is asked leaves nothing behind', async () => {
      for (const leave of ['reset', 'destroy'] as const) {
        const proxy = await scriptedProxy([{ expects: greeting(0), says: [text('\x05\0')] }])
        await through('192.0.2.1:80', socks5Proxy(proxy.address), async (relay) => {
          const done = proxy.done()
          const peer = await connect(relay.address)
          const there = await done
          await there.read(10)
          while (!(await relay.server.sessions()).some(({ state }) => state === 'negotiating'));
          peer[leave]()
          await there.send(reply(0))
          await there.readAll()
          there.destroy()
          await relay.close()
        })
      }
    })

    it('close() ends a session that a proxy is being asked for', async () => {
      const proxy = await scriptedProxy([{ expects: greeting(0), says: [text('\x05\0')] }])
      await through('192.0.2.1:80', socks5Proxy(proxy.address), async (relay) => {
        const done = proxy.done()
        await connect(relay.address)
        const there = await done
        await there.read(10)
        await relay.server.close({ drainMs: 20 })
        assert.equal((await relay.close()).reason, 'serverClosed')
        assert.equal((await there.readAll()).ending, 'reset')
      })
    })

    it('another address of the first proxy is tried where one refuses', async () => {
      const proxy = await scriptedProxy(answeredBy(joined(reply(0), 'hello')))
      const resolver = async () => [{ address: '127.0.0.9', ttl: 60 }, { address: '127.0.0.1', ttl: 60 }]
      await through('192.0.2.1:80', socks5Proxy(`proxy.example:${proxy.port}`), async (relay) => {
        const done = proxy.done()
        const peer = await connect(relay.address)
        assert.equal(String(await peer.read(5)), 'hello')
        ;(await done).destroy()
      }, {}, { resolver })
      await through('192.0.2.1:80', socks5Proxy(`127.0.0.1:${await unusedPort()}`), async (relay) => {
        assert.equal((await (await connect(relay.address)).readAll()).ending, 'reset')
        assert.equal((await relay.close()).reason, 'connectRefused')
      }, { retries: 1 })
    })

    it('a PROXY header goes behind the proxies, before all else', async () => {
      const proxy = await scriptedProxy(answeredBy(reply(0)))
      await through('192.0.2.1:80', socks5Proxy(proxy.address), async (relay) => {
        const done = proxy.done()
        const peer = await connect(relay.address)
        await peer.end('hello')
        const there = await done
        const all = (await there.readAll()).text.slice(13)
        const port = relay.address.split(':')[1] ?? ''
        assert.equal(all, `PROXY TCP4 127.0.0.1 127.0.0.1 ${peer.socket.localPort} ${port}\r\nhello`)
        await there.end()
      }, { proxyProtocol: 1 })
    })

    it('a throttle holds for what is relayed, not for what is said to the proxies', async () => {
      const proxy = await scriptedProxy(answeredBy(joined(reply(0), 'x'.repeat(400))))
      await through('192.0.2.1:80', socks5Proxy(proxy.address), async (relay) => {
        const done = proxy.done()
        const peer = await connect(relay.address)
        const began = performance.now()
        await peer.read(400)
        assert.ok(performance.now() - began > 200)
        ;(await done).destroy()
      }, {}, {}, throttle({ bytesPerSecond: 1_000, burstBytes: 100 }))
    })
  })
}

describe('via, with stages in JS', () => {
  afterEach(destroyPeers)

  it('they see what is relayed, and nothing of what is said to the proxies', async () => {
    const proxy = await scriptedProxy(answeredBy(joined(reply(0), 'hello')))
    const seen: string[] = []
    const shout = transform({ toDownstream: (chunk) => (seen.push(String(chunk)), Buffer.from(String(chunk).toUpperCase())), toUpstream: (chunk) => (seen.push(String(chunk)), chunk) })
    await withRelay(pipe(source(), inspect({ minBytes: 3, maxBytes: 16 }, () => replace(3, 'now')), shout, forward(tcp('192.0.2.1:80'), { via: socks5Proxy(proxy.address) })), {}, async (relay) => {
      const done = proxy.done()
      const peer = await connect(relay.address)
      await peer.send('old bytes')
      assert.equal(String(await peer.read(5)), 'HELLO')
      const there = await done
      assert.equal(String(await there.read(9)), 'now bytes')
      await until(() => seen.length === 2, 'both chunks')
      assert.deepEqual(seen.toSorted(), ['hello', 'now bytes'])
      assert.equal(relay.server.ledger().toDownstream.crossed, 5)
      there.destroy()
    })
  })

  it('HTTP: the head of the request ends with a blank line, whatever the client has sent', async () => {
    const proxy = await scriptedProxy([])
    await withRelay(pipe(source(), forward(tcp('[2001:db8::1]:80'), { via: httpProxy(proxy.address) })), {}, async (relay) => {
      const peer = await connect(relay.address)
      await peer.send('early')
      const there = await proxy.done()
      assert.equal(await headOf(there), 'CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n')
      assert.equal(there.bytesRead(), 'CONNECT [2001:db8::1]:80 HTTP/1.1\r\nHost: [2001:db8::1]:80\r\n\r\n'.length)
      await there.send('HTTP/1.1 200 OK\r\n\r\n')
      assert.equal(String(await there.read(5)), 'early')
      there.destroy()
    })
  })
})

const answeredBy = (says: Uint8Array): readonly Turn[] => [{ expects: greeting(0), says: [text('\x05\0')] }, { expects: 10, says: [says] }]
