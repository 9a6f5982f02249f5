/**
 * Two thousand clients that send a byte now and then are cut at the deadline of the handshake, which no byte moves, while those in good health are served. The figures are printed and not asserted: this
 * machine may be busy with other things.
 */
import assert from 'node:assert/strict'
import net from 'node:net'
import { forward, httpConnect, listen as from, otherwise, pipe, proxyProtocol, route, sni, socks5, tcp, when, type Pipeline } from '../../lib/index.ts'
import { slowness } from '../support/child.ts'
import { clientHello } from '../support/client-hello.ts'
import { connect, destination, destroyPeers, listen } from '../support/peers.ts'
import { relayProcess } from '../support/relay-process.ts'
import { greeting, joined, login, request } from '../support/socks.ts'
import { pause } from '../support/until.ts'

const slowClients = 2_000
const timeoutMs = 2_000 * slowness
const source = () => from(tcp('127.0.0.1:0'), { backlog: 4_096 })
const here = { allow: ['127.0.0.0/8'], ports: ['1-65535'], handshakeTimeoutMs: timeoutMs } as const

type Way = {
  readonly name: string
  readonly pipeline: (upstream: string) => Pipeline<'stream'>
  /** What a client says first, and how many bytes it is answered with. */
  readonly hello: (port: number) => Buffer
  readonly answerBytes: number
  /** What a slow one says: not all of it. */
  readonly slow: (port: number) => Buffer
}

const ways: readonly Way[] = [
  { name: 'the request of SOCKS5', pipeline: () => pipe(source(), socks5(here)), hello: (port) => joined(greeting(0), request('127.0.0.1', port)), answerBytes: 12, slow: (port) => joined(greeting(0), request('127.0.0.1', port)).subarray(0, -1) },
  {
    name: 'the greeting and the login of SOCKS5', pipeline: () => pipe(source(), socks5({ ...here, auth: { ada: 'secret' } })), answerBytes: 14,
    hello: (port) => joined(greeting(2), login('ada', 'secret'), request('127.0.0.1', port)), slow: () => joined([5, 200], 'x'.repeat(150)),
  },
  {
    name: 'the head of CONNECT', pipeline: () => pipe(source(), httpConnect(here)), answerBytes: 39,
    hello: (port) => Buffer.from(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\n\r\n`), slow: (port) => Buffer.from(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nX: ${'x'.repeat(100)}`),
  },
  {
    name: 'the header of the PROXY protocol', answerBytes: 0, hello: () => Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'), slow: () => Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2'),
    pipeline: (upstream) => pipe(source(), proxyProtocol({ from: ['127.0.0.0/8'], timeoutMs }), forward(tcp(upstream))),
  },
]

describe('slow clients', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  for (const { name, pipeline, hello, answerBytes, slow } of ways) {
    it(`${slowClients} of them in ${name} are cut at the deadline, and every healthy session is served beside them`, async () => {
      const upstream = await listen({ onPeer: ({ socket }) => socket.pipe(socket) })
      await using relay = await relayProcess(pipeline(upstream.address), { thread: 'own' })
      const first = hello(upstream.port)

      /** Milliseconds from the connect to the echo, of sessions one after the other, until told to stop. */
      const healthy = async (enough: (count: number) => boolean): Promise<number[]> => {
        const took: number[] = []
        while (!enough(took.length)) {
          const began = performance.now()
          const peer = await connect(relay.address)
          await peer.send(joined(first, 'ping'))
          assert.equal(String((await peer.read(answerBytes + 4)).subarray(-4)), 'ping')
          peer.destroy()
          took.push(performance.now() - began)
        }
        return took
      }
      const alone = await healthy((count) => count >= 500)
      const crawlers = await crawl(relay.address, slow(upstream.port))
      const beside = await healthy(() => crawlers.open() === 0)
      await crawlers.gone
      const sessions = alone.length + beside.length + slowClients
      const closes = await relay.closes(sessions)
      const reasons = new Map<string, number>()
      for (const { reason } of closes) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
      assert.equal(reasons.get('headTimeout'), slowClients, JSON.stringify([...reasons]))
      assert.equal(closes.length, sessions)
      const late = closes.filter(({ reason }) => reason === 'headTimeout').map(({ durationMs }) => durationMs)
      assert.ok(Math.min(...late) >= timeoutMs, `${Math.min(...late)} ms`)
      const { balanced, sessions: { open } } = await relay.ledger()
      assert.deepEqual([balanced, open], [true, 0])
      assert.ok(beside.length > 0)
      console.log(`      p99 of a healthy session: ${p99(alone).toFixed(1)} ms alone (${alone.length}), ${p99(beside).toFixed(1)} ms beside them (${beside.length}); they were cut after ${Math.min(...late)} to ${Math.max(...late)} ms`)
    })
  }

  it(`${slowClients} of them in a ClientHello are cut at the deadline of route, and every healthy session is served beside them`, async () => {
    const upstream = await listen({ onPeer: ({ socket }) => socket.pipe(socket) })
    await using relay = await relayProcess(pipe(source(), route(when(sni('a.example'), forward(tcp(upstream.address))), otherwise(forward(tcp(upstream.address))))), { thread: 'own' })
    const whole = clientHello('a.example')
    const crawlers = await crawl(relay.address, whole.subarray(0, -1))
    let count = 0
    while (crawlers.open() > 0) {
      const peer = await connect(relay.address)
      await peer.send(whole)
      assert.deepEqual(await peer.read(whole.length), whole)
      peer.destroy()
      count++
    }
    await crawlers.gone
    const closes = await relay.closes(count + slowClients)
    assert.equal(closes.filter(({ reason }) => reason === 'headTimeout').length, slowClients)
    assert.ok(count > 0)
  })
})

/** Clients that send these bytes one by one, the last of them after the deadline; resolves when all are connected. */
async function crawl(address: string, bytes: Buffer): Promise<{ readonly open: () => number; readonly gone: Promise<void> }> {
  let open = slowClients
  let over: () => void = () => undefined
  const gone = new Promise<void>((resume) => { over = resume })
  const sockets = await Promise.all(Array.from({ length: slowClients }, () => new Promise<net.Socket>((resume, refuse) => {
    const socket = net.connect({ ...destination(address), noDelay: true })
    socket.once('connect', () => resume(socket)).once('error', refuse)
    socket.on('error', () => undefined).once('close', () => { if (--open === 0) over() })
  })))
  void (async () => {
    for (let at = 0; open > 0; at++) {
      for (const socket of sockets) if (!socket.destroyed && at < bytes.length) socket.write(bytes.subarray(at, at + 1))
      await pause(200 * slowness)
    }
  })()
  return { open: () => open, gone }
}

function p99(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? NaN
}
