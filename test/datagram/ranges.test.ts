/** Ranges of ports: port to port, for datagrams and for streams, and many of them in one process. */
import assert from 'node:assert/strict'
import { forward, echo, listen as from, pipe, tcp, udp } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { eventually, socketsOf } from '../support/proc.ts'
import { threads, withRelay } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { unusedPorts } from '../support/unused-ports.ts'

const count = 11

for (const thread of threads) {
  describe(`ranges of ports, ${thread} thread`, () => {
    it('udp: each port leads to the one at its place, also where a peer speaks to several', async () => {
      const [own, theirs] = [await unusedPorts(count), await unusedPorts(count)]
      const upstreams = await Promise.all(Array.from({ length: count }, (_, i) => udpPeer(undefined, { port: theirs + i, answer: (bytes) => `${i}: ${bytes.toString()}` })))
      const pipeline = pipe(from(udp(`127.0.0.1:${own}-${own + count - 1}`)), forward(udp(`127.0.0.1:${theirs}-${theirs + count - 1}`)))
      await withRelay(pipeline, { thread }, async (relay) => {
        assert.deepEqual(relay.server.addresses.map(({ net, port }) => [net, port]), upstreams.map((_, i) => ['udp', own + i]))
        const peer = await udpPeer()
        for (let i = 0; i < count; i++) {
          await peer.send('hello', `127.0.0.1:${own + i}`)
          const { bytes, from: where } = await peer.receive()
          assert.deepEqual([bytes.toString(), where], [`${i}: hello`, `127.0.0.1:${own + i}`])
        }
        const opens = await relay.opens(count)
        assert.deepEqual(opens.map(({ upstream }) => upstream), upstreams.map(({ address }) => address))
        assert.deepEqual(opens.map(({ listener }) => listener), upstreams.map((_, i) => `127.0.0.1:${own + i}`))
      })
    })

    it('tcp: each port leads to the one at its place', async () => {
      const [own, theirs] = [await unusedPorts(count), await unusedPorts(count)]
      const upstreams = await Promise.all(Array.from({ length: count }, (_, i) => listen({ port: theirs + i })))
      const pipeline = pipe(from(tcp(`127.0.0.1:${own}-${own + count - 1}`)), forward(tcp(`127.0.0.1:${theirs}-${theirs + count - 1}`)))
      await withRelay(pipeline, { thread }, async (relay) => {
        for (const [i, upstream] of upstreams.entries()) {
          const downstream = await connect(`127.0.0.1:${own + i}`)
          await downstream.send(`${i}`)
          assert.equal((await (await upstream.accept()).read(`${i}`.length)).toString(), `${i}`)
        }
        assert.equal(relay.server.addresses.length, count)
      })
    })

    it('a port in the middle that is taken refuses all of it, with the port in the error, and leaves nothing bound', async () => {
      const own = await unusedPorts(3)
      const squatter = await udpPeer(undefined, { port: own + 1 })
      await assert.rejects(withRelay(pipe(from(udp(`127.0.0.1:${own}-${own + 2}`)), echo()), { thread }, async () => undefined), { code: 'EADDRINUSE', message: new RegExp(`127\\.0\\.0\\.1:${own + 1}`) })
      await squatter.close()
      await withRelay(pipe(from(udp(`127.0.0.1:${own}-${own + 2}`)), echo()), { thread }, async (relay) => {
        assert.equal(await (await udpPeer(relay.addressOf(2))).ask('free again'), 'free again')
      })
    })
  })
}

describe('many ports in one process', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  for (const [net, endpoint] of [['tcp', tcp], ['udp', udp]] as const) {
    const ports = sanitized ? 2_000 : 10_000
    it(`${ports} ${net} ports listen, and are given back`, async () => {
      // An address of the loopback that nobody else has ports on.
      const range = `127.77.0.1:10000-${10_000 + ports - 1}` as const
      const begun = performance.now()
      await using relay = await relayProcess(endpoint === tcp ? pipe(from(tcp(range)), echo()) : pipe(from(udp(range), { receiveBufferBytes: 4_096 }), echo()), { thread: 'own' })
      console.log(`      ${ports} ${net} ports in ${((performance.now() - begun) / 1000).toFixed(2)} s, the start of the process included`)
      assert.equal(relay.addresses.length, ports)
      for (const port of [10_000, 10_000 + ports / 2, 10_000 + ports - 1]) {
        if (net === 'udp') {
          assert.equal(await (await udpPeer(`127.77.0.1:${port}`)).ask('hello'), 'hello')
          continue
        }
        const peer = await connect(`127.77.0.1:${port}`)
        await peer.end('hello')
        assert.equal((await peer.readAll()).text, 'hello')
      }
      const held = socketsOf(relay.pid).length
      assert.ok(held >= ports, `${held} sockets`)
      await relay.close(0)
      await eventually('all to be closed', () => socketsOf(relay.pid).length < 10)
    })
  }
})
