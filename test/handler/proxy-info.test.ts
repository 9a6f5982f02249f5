/** What handlers see of the header of a proxy: `session.proxy`, wherever the session is first in JS. */
import assert from 'node:assert/strict'
import { choose, close, decide, echo, forward, inspect, listen as from, otherwise, parseTlvs, pass, pipe, prefix, proxyProtocol, remoteAddress, route, stream, tcp, transform, when, type Pipeline, type ProxyInfo, type ProxyProtocolOptions, type Session } from '../../lib/index.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'

const tlv = (type: number, value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([Buffer.from([type, bytes.length >> 8, bytes.length & 255]), bytes])
}

/** Version 2: 192.0.2.1:1001 to 198.51.100.9:443, or over IPv6 2001:db8::1 to 2001:db8::2. */
function header(tlvs: readonly Buffer[] = [], { command = 1, six = false } = {}): Buffer {
  const ports = Buffer.from([3, 233, 1, 187])
  const ips = six ? ['20010db8000000000000000000000001', '20010db8000000000000000000000002'] : ['c0000201', 'c6336409']
  const block = Buffer.concat([...ips.map((ip) => Buffer.from(ip, 'hex')), ports, ...tlvs])
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1'), Buffer.from([0x20 | command, six ? 0x21 : 0x11, block.length >> 8, block.length & 255]), block])
}

const ssl = Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), tlv(0x21, 'TLSv1.3'), tlv(0x22, 'client')])
const some = [tlv(0x01, 'h2'), tlv(0x02, 'a.example'), tlv(0x05, 'unique'), tlv(0x04, Buffer.alloc(3)), tlv(0xea, ''), tlv(0x20, ssl), tlv(0x02, 'b.example')]

describe('session.proxy', () => {
  afterEach(destroyPeers)

  const saw: { readonly where: string; readonly proxy: ProxyInfo | undefined; readonly downstream: string; readonly upstream: string | undefined }[] = []
  const note = (where: string, { proxy, downstream, upstream }: Session): void => void saw.push({ where, proxy, downstream, upstream })
  const proxied = (options: Partial<ProxyProtocolOptions> = {}) => proxyProtocol({ from: ['127.0.0.0/8'], ...options })

  /** Sends the pieces and gives what has been seen of the session. */
  async function seen(pipeline: Pipeline<'stream'>, pieces: readonly (string | Buffer)[], answer = 'hello') {
    saw.splice(0)
    await withRelay(pipeline, { debug: true }, async (relay) => {
      const peer = await connect(relay.address)
      for (const piece of pieces) await peer.send(piece)
      await peer.end()
      assert.equal((await peer.readAll()).text, answer)
      await relay.close()
    })
    return saw.splice(0)
  }

  const server = async () => (await listen({ onPeer: ({ socket }) => socket.pipe(socket) })).address
  const source = from(tcp('127.0.0.1:0'))
  const inspected = (where: string) => inspect((_, session) => { note(where, session); return pass() })

  const pipelines: readonly (readonly [where: string, make: () => Promise<Pipeline<'stream'>>, upstream?: boolean])[] = [
    ['inspect', async () => pipe(source, proxied(), inspected('inspect'), forward(tcp(await server())))],
    ['decide', async () => pipe(source, proxied(), decide(async (_, session) => { await Promise.resolve(); note('decide', session); return pass() }), echo())],
    ['choose', async () => pipe(source, proxied(), choose({ a: [echo()], b: [close()] }, (_, session) => { note('choose', session); return 'a' }))],
    ['stream', async () => pipe(source, proxied(), stream({ open(session) { note('stream', session) }, data: (session, chunk) => void session.write(chunk) }))],
    ['transform', async () => pipe(source, proxied(), transform({ toUpstream(chunk, session) { note('transform', session); return chunk } }), forward(tcp(await server()))), true],
    ['a branch', async () => pipe(source, proxied(), route(when(prefix('hello'), streaming()), otherwise(close())))],
  ]
  const streaming = () => stream({ data(session, chunk) { note('a branch', session); session.write(chunk) } })

  for (const [where, make, hasUpstream = false] of pipelines) {
    it(`in ${where}: where the proxy was reached, and the TLVs, however the header comes`, async () => {
      const whole = Buffer.concat([header(some), Buffer.from('hello')])
      for (const pieces of [[whole], [header(some), 'hello'], [whole.subarray(0, 40), whole.subarray(40)]]) {
        const [first] = await seen(await make(), pieces)
        assert(first?.proxy !== undefined)
        assert.deepEqual([first.where, first.downstream, first.proxy.destination, first.upstream !== undefined], [where, '192.0.2.1:1001', '198.51.100.9:443', hasUpstream])
        const tlvs = [...first.proxy.tlvs].map(([type, value]) => [type, value.toString('latin1')])
        assert.deepEqual(tlvs, [[1, 'h2'], [2, 'a.example'], [5, 'unique'], [4, '\0\0\0'], [0xea, ''], [0x20, ssl.toString('latin1')]])
        assert.equal(String(parseTlvs(first.proxy.tlvs.get(0x20)?.subarray(5) ?? Buffer.alloc(0)).get(0x21)), 'TLSv1.3')
      }
    })
  }

  it('the same object all the way, and of IPv6 and version 1 too', async () => {
    const twice = pipe(source, proxied(), inspected('inspect'), decide((_, session) => { note('decide', session); return pass() }), echo())
    const [inspect1, decide1] = await seen(twice, [header([], { six: true }), 'hello'])
    assert.deepEqual([inspect1?.proxy?.destination, inspect1?.proxy?.tlvs.size], ['[2001:db8::2]:443', 0])
    assert.equal(inspect1?.proxy, decide1?.proxy)
    const [line] = await seen(twice, ['PROXY TCP4 192.0.2.1 198.51.100.9 1001 443\r\n', 'hello'])
    assert.deepEqual([line?.downstream, line?.proxy?.destination, line?.proxy?.tlvs.size], ['192.0.2.1:1001', '198.51.100.9:443', 0])
  })

  it('as many TLVs as a header holds', async () => {
    const [first] = await seen(pipe(source, proxied(), inspected('inspect'), echo()), [header([tlv(0xe0, Buffer.alloc(65_535 - 12 - 3, 7))]), 'hello'])
    assert.deepEqual(first?.proxy?.tlvs.get(0xe0), Buffer.alloc(65_535 - 12 - 3, 7))
  })

  it('nothing where no proxy speaks for anybody: LOCAL, UNKNOWN, ignored, none, and who is no proxy', async () => {
    const at = (options: Partial<ProxyProtocolOptions>) => pipe(source, proxied(options), inspected('inspect'), echo())
    for (const [pipeline, head] of [
      [at({}), header(some, { command: 0 })],
      [at({}), 'PROXY UNKNOWN\r\n'],
      [at({ mode: 'ignore' }), header(some)],
      [at({ mode: 'use' }), ''],
      [at({ from: ['192.0.2.0/24'] }), ''],
    ] as const) {
      const [first] = await seen(pipeline, [head, 'hello'])
      assert(first !== undefined)
      assert.equal(first.proxy, undefined)
      assert.match(first.downstream, /^127\.0\.0\.1:/)
    }
  })

  it('a session that is not in JS does not come there for it', async () => {
    const pipeline = pipe(source, proxied(), route(when(remoteAddress('192.0.2.0/24'), echo()), otherwise(inspected('inspect'), echo())))
    await withRelay(pipeline, { sessionEvents: false }, async (relay) => {
      const peer = await connect(relay.address)
      await peer.end(Buffer.concat([header(some), Buffer.from('hello')]))
      assert.equal((await peer.readAll()).text, 'hello')
      assert.equal(relay.server.ledger().toUpstream.crossed, 0)
      assert.deepEqual([saw, relay.events], [[], []])
    })
  })

  it('many at once, more than one crossing holds', async () => {
    const large = header([tlv(0xe0, Buffer.alloc(60_000, 1)), tlv(0x05, 'id')])
    let right = 0
    const pipeline = pipe(source, proxied(), stream((session) => ({ data(_, chunk) { if (String(session.proxy?.tlvs.get(5)) === 'id') right++; session.write(chunk) } })))
    await withRelay(pipeline, {}, async (relay) => {
      await Promise.all(Array.from({ length: 60 }, async () => {
        const peer = await connect(relay.address)
        await peer.end(Buffer.concat([large, Buffer.from('x')]))
        assert.equal((await peer.readAll()).text, 'x')
      }))
      assert.equal(right, 60)
    })
  })

  it('parseTlvs leaves out what does not fit', () => {
    assert.deepEqual([...parseTlvs(Buffer.from([1, 0, 1, 65, 2, 0, 2, 66]))], [[1, Buffer.from('A')]])
    assert.equal(parseTlvs(Buffer.from([1, 0])).size, 0)
  })
})
