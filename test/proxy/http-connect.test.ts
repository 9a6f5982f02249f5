/** CONNECT over real sockets (RFC 9110 section 9.3.6): heads cut in every way, what is no CONNECT, what each failure is called, and what stands behind the blank line. */
import assert from 'node:assert/strict'
import { httpConnect, limit, listen as from, pipe, tcp, throttle, user, type ProxyOptions, type ServeOptions } from '../../lib/index.ts'
import { clientHello } from '../support/client-hello.ts'
import { exchange, everyCut } from '../support/exchange.ts'
import { taken } from '../support/kernel.ts'
import { connect, destroyPeers, listen, type Peer } from '../support/peers.ts'
import { relayProcess } from '../support/relay-process.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { silentListener } from '../support/silent-listener.ts'
import { injected, strace } from '../support/strace.ts'
import { unusedPort } from '../support/unused-ports.ts'

const source = () => from(tcp('127.0.0.1:0'))
const here = { allow: ['127.0.0.0/8', '::1/128'], ports: ['1-65535'] } as const
const resolver = async (name: string) => (name === 'up.example' ? [{ address: '127.0.0.1', ttl: 60 }] : [])
const established = 'HTTP/1.1 200 Connection established\r\n\r\n'
const basic = (text: string): string => `Proxy-Authorization: Basic ${Buffer.from(text).toString('base64')}\r\n`

for (const thread of threads) {
  describe(`httpConnect, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const withProxy = (options: ProxyOptions, body: (relay: TestRelay) => Promise<void>, more: ServeOptions = {}) =>
      withRelay(pipe(source(), httpConnect(options)), { thread, resolver, ...more }, body)

    /** What a client that sends all of it gets, and how its session ends. */
    const outcome = async (options: ProxyOptions, sent: string | Uint8Array, end = false) => {
      let seen = { text: '', ending: '', reason: '' }
      await withProxy(options, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(sent)
        if (end) await peer.end()
        const { text, ending } = await peer.readAll()
        peer.destroy()
        seen = { text, ending, reason: (await relay.close()).reason }
        assert.equal(relay.events.some(({ type }) => type === 'open'), false)
      })
      return { ...seen, status: Number(seen.text.slice(9, 12)) }
    }

    for (const [what, host, listenAt, auth] of [['IPv4', '127.0.0.1', '127.0.0.1', ''], ['IPv6', '[::1]', '::1', ''], ['a name', 'UP.example', '127.0.0.1', ''], ['a login', '127.0.0.1', '127.0.0.1', 'ada:se:cret']] as const) {
      it(`to ${what}: however the head and what follows it are cut, both sides get exactly what is theirs`, async () => {
        const upstream = await listen({ host: listenAt })
        const head = `CONNECT ${host}:${upstream.port} HTTP/1.1\r\nHost: ${host}\r\n${auth === '' ? '' : basic(auth)}X: y\r\n\r\n`
        const early = '\r\n\r\nCONNECT early'
        const all = Buffer.from(head + early)
        const cuts = everyCut(all)
        await withProxy(auth === '' ? here : { ...here, auth: { eve: 'x', ada: 'se:cret' } }, async (relay) => {
          for (const pieces of cuts) {
            const { heard, said } = await exchange(relay, upstream, pieces)
            assert.deepEqual([heard, said], [early, `${established}first words, and the last`], String(pieces[0]))
          }
          assert.deepEqual([...new Set((await relay.closes(cuts.length)).map(({ reason }) => reason))], ['finished'])
          const { toUpstream, toDownstream } = relay.server.ledger()
          const n = cuts.length
          assert.deepEqual({ ...toUpstream }, { received: n * all.length, produced: 0, sent: n * early.length, consumed: n * head.length, dropped: 0, pending: 0, crossed: 0 })
          assert.deepEqual([toDownstream.produced, toDownstream.dropped, toDownstream.crossed], [n * established.length, 0, 0])
        })
      })
    }

    it('200 comes once the upstream is connected, and has no Content-Length', async () => {
      const hole = await silentListener()
      const upstream = await listen()
      try {
        await withProxy({ ...here, connectTimeoutMs: 300, retries: 0 }, async (relay) => {
          const peer = await connect(relay.address)
          await peer.send(`CONNECT ${hole.address} HTTP/1.1\r\n\r\n`)
          const { text } = await peer.readAll()
          assert.match(text, /^HTTP\/1\.1 504 /)
          peer.destroy()
          assert.equal((await relay.close()).reason, 'connectTimeout')
          const other = await connect(relay.address)
          await other.send(`CONNECT ${upstream.address} HTTP/1.0\r\n\r\n`)
          assert.equal(String(await other.read(established.length)), established)
          await upstream.accept()
        })
      } finally {
        await hole.close()
      }
    })

    const target = '127.0.0.1:443'
    const wrong: readonly (readonly [what: string, status: number, head: string, reason: string])[] = [
      ['no port', 400, 'CONNECT 127.0.0.1 HTTP/1.1\r\n\r\n', 'malformed'],
      ['an empty port', 400, 'CONNECT 127.0.0.1: HTTP/1.1\r\n\r\n', 'malformed'],
      ['port 0', 400, 'CONNECT 127.0.0.1:0 HTTP/1.1\r\n\r\n', 'malformed'],
      ['port 65536', 400, 'CONNECT 127.0.0.1:65536 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a port with a sign', 400, 'CONNECT 127.0.0.1:+443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a port with a zero before it', 400, 'CONNECT 127.0.0.1:0443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['IPv6 without brackets', 400, 'CONNECT ::1:443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['brackets around IPv4', 400, 'CONNECT [127.0.0.1]:443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a user in the authority', 400, 'CONNECT me@127.0.0.1:443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a URL', 400, 'CONNECT http://127.0.0.1:443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a path', 400, 'CONNECT / HTTP/1.1\r\n\r\n', 'malformed'],
      ['nothing as the host', 400, 'CONNECT :443 HTTP/1.1\r\n\r\n', 'malformed'],
      ['a Host of another name', 400, `CONNECT ${target} HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n`, 'malformed'],
      ['a Host of another port', 400, `CONNECT ${target} HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n`, 'malformed'],
      ['an empty Host', 400, `CONNECT ${target} HTTP/1.1\r\nHost:\r\n\r\n`, 'malformed'],
      ['two Hosts', 400, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nHost: ${target}\r\n\r\n`, 'malformed'],
      ['a Content-Length', 400, `CONNECT ${target} HTTP/1.1\r\nContent-Length: 0\r\n\r\n`, 'malformed'],
      ['a Transfer-Encoding', 400, `CONNECT ${target} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n`, 'malformed'],
      ['a space before the colon', 400, `CONNECT ${target} HTTP/1.1\r\nHost : ${target}\r\n\r\n`, 'malformed'],
      ['a folded field', 400, `CONNECT ${target} HTTP/1.1\r\nX: y\r\n z\r\n\r\n`, 'malformed'],
      ['a NUL in a field', 400, `CONNECT ${target} HTTP/1.1\r\nX: \0\r\n\r\n`, 'malformed'],
      ['lines that end with LF alone', 400, `CONNECT ${target} HTTP/1.1\r\nX: y\n\n`, 'malformed'],
      ['two logins', 400, `CONNECT ${target} HTTP/1.1\r\n${basic('a:b')}${basic('a:b')}\r\n`, 'malformed'],
      ['GET', 405, 'GET http://127.0.0.1/ HTTP/1.1\r\n\r\n', 'denied'],
      ['POST before its head is whole', 405, 'POST / HTTP/1.1\r\n', 'denied'],
    ]
    for (const [what, status, head, reason] of wrong) {
      it(`${what} is answered with ${status}, which ends the session`, async () => {
        const seen = await outcome({ ...here, auth: { a: 'b' } }, head)
        assert.deepEqual([seen.status, seen.ending, seen.reason], [status, 'fin', reason])
        assert.match(seen.text, /\r\nConnection: close\r\nContent-Length: 0\r\n\r\n$/)
        if (status === 405) assert.match(seen.text, /\r\nAllow: CONNECT\r\n/)
      })
    }

    it('what may not be reached is answered with 403, and what cannot with 502', async () => {
      const refused = await unusedPort()
      for (const [options, to, status, reason] of [
        [{}, '127.0.0.1:443', 403, 'denied'], [{}, '[::1]:443', 403, 'denied'], [{ allow: here.allow }, '127.0.0.1:80', 403, 'denied'], [{ ...here, deny: ['127.0.0.0/30'] }, '127.0.0.1:443', 403, 'denied'],
        [here, `127.0.0.1:${refused}`, 502, 'connectRefused'], [here, '127.255.255.255:443', 502, 'connectUnreachable'], [here, 'nothing.example:443', 502, 'nameUnresolved'],
      ] as const) {
        const seen = await outcome(options, `CONNECT ${to} HTTP/1.1\r\n\r\nearly`)
        assert.deepEqual([seen.status, seen.ending, seen.reason], [status, 'fin', reason], to)
      }
    })

    it('a head of 16 KiB without its end is answered with 431, and one that ends there is none too many', async () => {
      const upstream = await listen()
      const start = `CONNECT ${upstream.address} HTTP/1.1\r\nX: `
      const fits = `${start}${'x'.repeat(16_384 - start.length - 4)}\r\n\r\n`
      await withProxy(here, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(`${fits}early`)
        const there = await upstream.accept()
        assert.equal(String(await there.read(5)), 'early')
      })
      const seen = await outcome(here, `${start}${'x'.repeat(20_000)}`)
      assert.deepEqual([seen.status, seen.reason], [431, 'headTooLarge'])
    })

    it('who has to log in is told so, and how; a login is what Basic says, and nothing else', async () => {
      const auth = { ada: 'se:cret', bob: 'p' }
      for (const field of ['', basic('ada:se'), basic('ada:se:crets'), basic('bob:se:cret'), basic('ada'), 'Proxy-Authorization: Basic\r\n', 'Proxy-Authorization: Bearer YTpi\r\n', `Proxy-Authorization: Basic ${'='.repeat(1_000)}\r\n`, basic('ada:se:cret').replace('Proxy-', '')]) {
        const seen = await outcome({ ...here, auth }, `CONNECT ${target} HTTP/1.1\r\n${field}\r\n`)
        assert.deepEqual([seen.status, seen.reason], [407, 'loginFailed'], field)
        assert.match(seen.text, /\r\nProxy-Authenticate: Basic realm="/)
      }
      const upstream = await listen()
      await withProxy({ ...here, auth }, async (relay) => {
        for (const field of [basic('ada:se:cret'), basic('bob:p').replace('Basic', 'bAsIc  '), basic('bob:p').toLowerCase().slice(0, 20) + basic('bob:p').slice(20)]) {
          const peer = await connect(relay.address)
          await peer.send(`CONNECT ${upstream.address} HTTP/1.1\r\n${field}\r\n`)
          assert.equal(String(await peer.read(established.length)), established, field)
          peer.destroy()
        }
      })
    })

    it('the stages of a user hold for that user alone', async () => {
      const upstream = await listen({ onPeer: ({ socket }) => socket.pipe(socket) })
      const auth = [user('one', 'p', limit({ maxSessions: 1 })), user('slow', 'p', throttle({ bytesPerSecond: 1_000, burstBytes: 100 }))]
      await withProxy({ ...here, auth }, async (relay) => {
        const as = async (name: string): Promise<readonly [Peer, string]> => {
          const peer = await connect(relay.address)
          await peer.send(`CONNECT ${upstream.address} HTTP/1.1\r\n${basic(`${name}:p`)}\r\n`)
          return [peer, String(await peer.read(12)).slice(9)]
        }
        const [, first] = await as('one')
        const [, second] = await as('one')
        assert.deepEqual([first, second], ['200', '503'])
        const [slow, third] = await as('slow')
        assert.equal(third, '200')
        await slow.read(established.length - 12)
        const began = performance.now()
        await slow.send('x'.repeat(400))
        await slow.read(400)
        assert.ok(performance.now() - began > 200)
      })
    })

    it('TLS, the preface of HTTP/2 and a method in small letters are no HTTP/1: reset without a word', async () => {
      for (const bytes of [clientHello('a.example'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([5, 1, 0]), Buffer.from('\r\n'), Buffer.from(`connect ${target} HTTP/1.1\r\n\r\n`)]) {
        const seen = await outcome(here, bytes)
        assert.deepEqual([seen.text, seen.ending, seen.reason], ['', 'reset', 'malformed'], bytes.toString('latin1').slice(0, 20))
      }
    })

    it('FIN at each point of the head ends the session, and so does a reset', async () => {
      const upstream = await listen()
      const head = `CONNECT ${upstream.address} HTTP/1.1\r\nHost: x\r\n\r`.replace('Host: x', `Host: ${upstream.address}`)
      await withProxy(here, async (relay) => {
        let count = 0
        for (let at = 0; at <= head.length; at += 3) {
          const ended = await connect(relay.address)
          await ended.end(head.slice(0, at))
          await ended.readAll()
          assert.equal((await relay.closes(++count))[count - 1]?.reason, 'headIncomplete', `FIN after ${at} bytes`)
          const broken = await connect(relay.address)
          if (at > 0) await broken.send(head.slice(0, at))
          await taken(broken)
          broken.reset()
          assert.equal((await relay.closes(++count))[count - 1]?.reason, 'resetByDownstream', `reset after ${at} bytes`)
        }
        assert.equal(upstream.count(), 0)
      })
    })

    it('without a descriptor for the upstream the client is told 503, and without time 504', async () => {
      await using relay = await relayProcess(pipe(source(), httpConnect()), { thread })
      await using trace = await strace(relay.loopThread, ['socket'], ['socket:error=EMFILE'])
      const peer = await connect(relay.address)
      await peer.send('CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n')
      assert.match((await peer.readAll()).text, /^HTTP\/1\.1 503 /)
      assert.ok(injected(trace) > 0)
      peer.destroy()
      assert.equal((await relay.closes(1))[0]?.reason, 'descriptorLimit')
    })
  })
}
