import assert from 'node:assert/strict'
import { allow, echo, forward, limit, listen as from, pipe, proxyProtocol, tcp, unix, type ProxyProtocolOptions, type ServeOptions, type Stage } from '../../lib/index.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { injected, strace } from '../support/strace.ts'

const line = 'PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\n'
const header = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000201c6336409dc0401bb', 'hex')
const local = Buffer.from('0d0a0d0a000d0a515549540a20000005ea00020102', 'hex')
const loopback = ['127.0.0.0/8']

type Sent = readonly (string | Uint8Array)[]

for (const thread of threads) {
  describe(`proxyProtocol, ${thread} thread`, () => {
    afterEach(destroyPeers)

    /** How a session ends that sends these pieces, whom it was from, and what came back of it. */
    const outcome = async (pieces: Sent, options: Partial<ProxyProtocolOptions> = {}, more: ServeOptions = {}) => {
      let seen = { text: '', reason: '', downstream: '' }
      await withRelay(pipe(from(tcp('127.0.0.1:0')), proxyProtocol({ from: loopback, ...options }), echo()), { thread, ...more }, async (relay) => {
        const peer = await connect(relay.address)
        for (const piece of pieces) await peer.send(piece).catch(() => undefined)
        await peer.end().catch(() => undefined)
        const { text } = await peer.readAll()
        const { reason, downstream } = await relay.close()
        seen = { text, reason, downstream }
        const { received, consumed, sent, dropped } = relay.server.ledger().toUpstream
        assert.equal(received, consumed + sent + dropped)
      })
      return seen
    }

    for (const [version, bytes] of [[1, Buffer.from(line)], [2, header]] as const) {
      it(`version ${version}: whom the proxy speaks for is the downstream, and what follows is the session's`, async () => {
        for (const pieces of [[Buffer.concat([bytes, Buffer.from('hello')])], [bytes, 'hello'], [...Array.from(bytes, (_, i) => bytes.subarray(i, i + 1)), 'hello']]) {
          assert.deepEqual(await outcome(pieces), { text: 'hello', reason: 'finished', downstream: '192.0.2.1:56324' })
        }
      })
    }

    it('LOCAL and UNKNOWN leave it the proxy', async () => {
      for (const bytes of [local, Buffer.from('PROXY UNKNOWN\r\n')]) {
        const { text, reason, downstream } = await outcome([bytes, 'hello'])
        assert.deepEqual([text, reason], ['hello', 'finished'])
        assert.match(downstream, /^127\.0\.0\.1:/)
      }
    })

    it('require: none, a wrong one and half of one end the session', async () => {
      assert.equal((await outcome(['GET / HTTP/1.1\r\n'])).reason, 'malformed')
      assert.equal((await outcome(['PROXY TCP4 192.0.2.1 198.51.100.9 1\r\n'])).reason, 'malformed')
      assert.equal((await outcome([header.subarray(0, 20)])).reason, 'headIncomplete')
      assert.equal((await outcome([])).reason, 'headIncomplete')
    })

    it('use: none is as good; ignore: it is taken away and means nothing; reject: none may come', async () => {
      assert.deepEqual((await outcome([line, 'hello'], { mode: 'use' })).downstream, '192.0.2.1:56324')
      assert.equal((await outcome(['hello'], { mode: 'use' })).text, 'hello')
      const ignored = await outcome([line, 'hello'], { mode: 'ignore' })
      assert.equal(ignored.text, 'hello')
      assert.match(ignored.downstream, /^127\.0\.0\.1:/)
      assert.equal((await outcome([line, 'hello'], { mode: 'reject' })).reason, 'denied')
      assert.equal((await outcome(['hello'], { mode: 'reject' })).text, 'hello')
    })

    it('who is no proxy sends bytes, whatever they look like', async () => {
      const { text, downstream } = await outcome([line, 'hello'], { from: ['10.0.0.0/8'] })
      assert.equal(text, `${line}hello`)
      assert.match(downstream, /^127\.0\.0\.1:/)
    })

    it('a header that takes too long ends the session', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), proxyProtocol({ from: loopback, timeoutMs: 100 }), echo()), { thread }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send('PROXY ').catch(() => undefined)
        assert.equal((await relay.close()).reason, 'headTimeout')
      })
    })

    it('gates and limits behind it look at whom the proxy speaks for', async () => {
      const pipeline = pipe(from(tcp('127.0.0.1:0')), proxyProtocol({ from: loopback }), allow('192.0.2.0/24'), limit({ maxSessionsPerAddress: 1 }), echo())
      await withRelay(pipeline, { thread }, async (relay) => {
        const say = async (text: string) => {
          const peer = await connect(relay.address)
          await peer.send(`PROXY TCP4 ${text} 198.51.100.9 1 2\r\n`)
          return peer
        }
        await say('192.0.3.1')
        assert.equal((await relay.closes(1))[0]?.reason, 'denied')
        for (let round = 1; round <= 2; round++) {
          const first = await say('192.0.2.1')
          await first.send('hello')
          await say('192.0.2.1')
          assert.equal((await relay.closes(2 * round))[2 * round - 1]?.reason, 'limited')
          await first.end()
          await first.readAll()
          assert.equal((await relay.closes(2 * round + 1))[2 * round]?.reason, 'finished')
        }
      })
    })
  })

  describe(`forward with proxyProtocol, ${thread} thread`, () => {
    afterEach(destroyPeers)

    const received = async (version: 1 | 2, listenAt: string, ...stages: Stage<'stream'>[]) => {
      const upstream = await listen()
      const source = listenAt.startsWith('/') ? unix(listenAt) : tcp(listenAt)
      let seen = { text: '', bytes: Buffer.alloc(0), from: '', to: '' }
      await withRelay(pipe(from(source), ...stages, forward(tcp(upstream.address), { proxyProtocol: version })), { thread }, async (relay) => {
        const peer = await connect(relay.address)
        if (stages.length > 0) await peer.send(line)
        await peer.end('hello')
        const other = await upstream.accept()
        const chunks: Buffer[] = []
        other.socket.on('data', (chunk) => chunks.push(chunk))
        await other.readAll()
        await other.end('world')
        assert.equal((await peer.readAll()).text, 'world')
        const bytes = Buffer.concat(chunks)
        const { downstream } = await relay.close()
        seen = { text: bytes.toString('latin1'), bytes, from: downstream, to: relay.address }
        const { received: came, produced, consumed, sent } = relay.server.ledger().toUpstream
        assert.equal(came + produced, consumed + sent)
        assert.equal(sent, bytes.length)
      })
      return seen
    }
    const [ip, port] = [(text: string) => text.slice(0, text.lastIndexOf(':')), (text: string) => text.slice(text.lastIndexOf(':') + 1)]

    it('version 1: the upstream is told whom the session is from and where it came to, before all else', async () => {
      const { text, from: downstream, to } = await received(1, '127.0.0.1:0')
      assert.equal(text, `PROXY TCP4 ${ip(downstream)} ${ip(to)} ${port(downstream)} ${port(to)}\r\nhello`)
    })

    it('version 2: so it is', async () => {
      const { bytes, from: downstream, to } = await received(2, '127.0.0.1:0')
      const ports = Buffer.alloc(4)
      ports.writeUInt16BE(Number(port(downstream)))
      ports.writeUInt16BE(Number(port(to)), 2)
      assert.deepEqual(bytes, Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a2111000c7f0000017f000001', 'hex'), ports, Buffer.from('hello')]))
    })

    it('what a proxy has said goes on', async () => {
      assert.equal((await received(1, '127.0.0.1:0', proxyProtocol({ from: loopback }))).text, `${line}hello`)
      assert.deepEqual((await received(2, '127.0.0.1:0', proxyProtocol({ from: loopback }))).bytes, Buffer.concat([header, Buffer.from('hello')]))
    })

    it('what the upstream has said arrives, though it resets before it can be told', async () => {
      const upstream = await listen()
      await using relay = await relayProcess(pipe(from(tcp('127.0.0.1:0')), forward(tcp(upstream.address), { proxyProtocol: 1 })), { thread })
      await using trace = await strace(relay.loopThread, ['sendto'], ['sendto:error=ECONNRESET:when=1'])
      const peer = await connect(relay.address)
      const other = await upstream.accept()
      await other.send('too busy')
      await other.end()
      assert.equal((await peer.readAll()).text, 'too busy')
      assert.equal(injected(trace), 1)
      const [event] = await relay.closes(1)
      assert.equal(event?.reason, 'resetByUpstream')
      const { produced, sent, dropped } = (await relay.ledger()).toUpstream
      assert.ok(produced > 0)
      assert.deepEqual([sent, dropped], [0, produced])
    })

    it('IPv6, and a Unix downstream, which has no address', async () => {
      const { text, from: downstream, to } = await received(1, '[::1]:0')
      assert.equal(text, `PROXY TCP6 ::1 ::1 ${port(downstream)} ${port(to)}\r\nhello`)
      using folder = temporaryFolder()
      assert.equal((await received(1, `${folder.path}/s`)).text, 'PROXY UNKNOWN\r\nhello')
    })
  })
}
