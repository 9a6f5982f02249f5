/** What `listen` asks of the kernel for a session's downstream. */
import assert from 'node:assert/strict'
import { echo, forward, listen, pipe, tcp, transform } from '../../lib/index.ts'
import { connect, listen as upstreamAt } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { sendsAtOnce, tcpSizes } from '../support/socket-options.ts'
import { portOf } from '../support/udp-peers.ts'

describe('TCP_NODELAY', () => {
  it('is inherited by the downstream, and set at the upstream before the second send, or where JS may send twice at once', async () => {
    const upstream = await upstreamAt()
    const pipelines = [pipe(listen(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), pipe(listen(tcp('127.0.0.1:0')), transform({ toUpstream: (chunk) => chunk }), forward(tcp(upstream.address)))]
    await withRelay(pipelines, {}, async (relay) => {
      const [plain, first] = [await connect(relay.addressOf(0)), await upstream.accept()]
      const [inJs, second] = [await connect(relay.addressOf(1)), await upstream.accept()]
      for (const peer of [plain, inJs]) await peer.send('hello')
      for (const peer of [first, second]) await peer.read(5)
      const [toPlain = 0, toInJs = 0] = [first, second].map(({ socket }) => socket.remotePort)
      assert.equal(await sendsAtOnce(portOf(relay.addressOf(0)), plain.socket.localPort ?? 0), true)
      assert.deepEqual([await sendsAtOnce(toPlain, upstream.port), await sendsAtOnce(toInJs, upstream.port)], [false, true])
      await plain.send('again')
      await first.read(5)
      assert.equal(await sendsAtOnce(toPlain, upstream.port), true)
    })
  })
})

describe('the options of listen, for streams', () => {
  it('maxSegmentBytes, receiveBufferBytes and sendBufferBytes are inherited by every session', async () => {
    const asked = { maxSegmentBytes: 1_000, receiveBufferBytes: 40_000, sendBufferBytes: 30_000 }
    await withRelay([pipe(listen(tcp('127.0.0.1:0'), asked), echo()), pipe(listen(tcp('127.0.0.1:0')), echo())], {}, async ({ addressOf }) => {
      const [given, plain] = await Promise.all([addressOf(0), addressOf(1)].map(async (address) => {
        const peer = await connect(address)
        await peer.send('x'.repeat(100_000))
        await peer.read(100_000)
        return tcpSizes(portOf(address), peer.socket.localPort ?? 0)
      }))
      assert.ok(given && plain)
      assert.ok(given.maxSegment <= 1_000 && given.maxSegment > 900, `${given.maxSegment}: less the options of TCP`)
      assert.deepEqual([given.receiveBuffer, given.sendBuffer], [80_000, 60_000]) // the kernel doubles them, for its bookkeeping
      assert.ok(plain.maxSegment > 10_000)
      assert.notDeepEqual([plain.receiveBuffer, plain.sendBuffer], [80_000, 60_000])
    })
  })
})
