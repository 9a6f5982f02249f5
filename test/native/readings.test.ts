/** The native parsers as handlers have them: `matches`, `readClientHello`, `readHttpRequest`, `readProxyHeader`. */
import assert from 'node:assert/strict'
import { any, choose, close, dns, echo, file, httpHost, listen as from, matches, not, pipe, readClientHello, readHttpRequest, readProxyHeader, remoteAddress, sni, ssh, tcp, wireguard } from '../../lib/index.ts'
import { call } from '../plan/untyped.ts'
import { clientHello } from '../support/client-hello.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'

const request = Buffer.from('GET /a/b?c HTTP/1.1\r\nHost: A.example:8080\r\n\r\nbody')
const header = Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.9 56324 443\r\nrest')

describe('the native parsers, for handlers', () => {
  afterEach(destroyPeers)

  it('every prefix of what can be read wants more, and what follows it changes nothing', () => {
    for (const [read, whole, end] of [[readClientHello, clientHello('a.example'), 0], [readHttpRequest, request, 4], [readProxyHeader, header, 4]] as const) {
      const last = whole.length - end
      for (let length = 0; length < last; length++) assert.deepEqual(read(whole.subarray(0, length)), { state: 'more' })
      for (let length = last; length <= whole.length; length++) assert.equal(read(whole.subarray(0, length)).state, 'read')
    }
  })

  it('say what stands there', () => {
    assert.deepEqual(readClientHello(clientHello('A.Example.')), { state: 'read', serverName: 'a.example', protocols: [] })
    assert.deepEqual(readHttpRequest(request), { state: 'read', version: 1, method: 'GET', target: '/a/b?c', path: '/a/b', host: 'a.example' })
    assert.deepEqual(readHttpRequest(Buffer.from('OPTIONS * HTTP/1.0\r\n\r\n')), { state: 'read', version: 1, method: 'OPTIONS', target: '*', path: '' })
    assert.deepEqual(readHttpRequest(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')), { state: 'read', version: 2 })
    assert.deepEqual(readProxyHeader(header), { state: 'read', bytes: 45, source: '192.0.2.1:56324', destination: '198.51.100.9:443' })
    assert.deepEqual(readProxyHeader(Buffer.from('PROXY TCP6 2001:db8::1 ::1 1 2\r\n')), { state: 'read', bytes: 32, source: '[2001:db8::1]:1', destination: '[::1]:2' })
    assert.deepEqual(readProxyHeader(Buffer.from('PROXY UNKNOWN\r\n')), { state: 'read', bytes: 15 })
  })

  it('tell what is of something else from what is wrong', () => {
    assert.deepEqual([readClientHello(request), readHttpRequest(clientHello('a')), readProxyHeader(request)].map(({ state }) => state), ['none', 'none', 'none'])
    assert.deepEqual(readHttpRequest(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')), { state: 'malformed' })
    assert.deepEqual(readProxyHeader(Buffer.from('PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\n')), { state: 'malformed' })
    assert.deepEqual(readClientHello(clientHello('127.0.0.1')), { state: 'malformed' })
  })

  it('matches asks any matcher, with three answers', () => {
    assert.equal(matches(sni('a.example'), clientHello('a.example')), 'yes')
    assert.equal(matches(sni('a.example'), clientHello('a.example').subarray(0, 20)), 'more')
    assert.equal(matches(sni('a.example'), clientHello('a.example').subarray(0, 20), { ended: true }), 'no')
    assert.equal(matches(any(ssh(), httpHost('a.example')), request), 'yes')
    assert.equal(matches(not(ssh()), request), 'yes')
    assert.equal(matches(dns(), Buffer.from('12340100000100000000000001610000010001', 'hex'), { datagram: true }), 'yes')
    assert.equal(matches(wireguard(), Buffer.alloc(3), { datagram: true }), 'no')
    const local = remoteAddress('127.0.0.0/8', '::1')
    assert.deepEqual([undefined, '127.1.2.3', '::ffff:127.0.0.1', '::1', '10.0.0.1'].map((one) => matches(local, Buffer.alloc(0), one === undefined ? {} : { from: one })), ['no', 'yes', 'yes', 'yes', 'no'])
  })

  it('refuse what they cannot read, and say what was expected', () => {
    assert.throws(() => call(readClientHello, 'text'), { code: 'ERR_MILLRACE_BAD_OPTION', message: 'readClientHello: expected a Uint8Array, not "text"' })
    assert.throws(() => call(matches, ssh(), 'text'), { code: 'ERR_MILLRACE_BAD_OPTION' })
    assert.throws(() => call(matches, 'text', request), { code: 'ERR_MILLRACE_BAD_PIPELINE' })
    assert.throws(() => matches(not(remoteAddress(file('/etc/allowed'))), request), { code: 'ERR_MILLRACE_BAD_OPTION' })
    assert.throws(() => matches(ssh(), request, { from: 'nobody' }), { code: 'ERR_MILLRACE_BAD_ADDRESS', message: 'matches: from: "nobody" is not an IP address' })
  })

  it('serve in a handler that decides by more than a matcher can', async () => {
    const tenants = new Set(['a.example'])
    const pipeline = pipe(
      from(tcp('127.0.0.1:0')),
      choose({ known: echo(), unknown: close() }, { minBytes: request.length }, (head) => {
        const read = readHttpRequest(head)
        return read.state === 'read' && read.version === 1 && read.host !== undefined && tenants.has(read.host) ? 'known' : 'unknown'
      }),
    )
    await withRelay(pipeline, {}, async (relay) => {
      const peer = await connect(relay.address)
      await peer.end(request)
      assert.equal((await peer.readAll()).text, request.toString())
    })
  })
})
