/** pitfalls 10: every way in which an upstream cannot be had has its own close reason, and ends the session at once. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, unix, type CloseEvent, type ForwardOptions } from '../../lib/index.ts'
import { acknowledged } from '../support/kernel.ts'
import { inNamespace } from '../support/namespace.ts'
import { connect, listen, sha256, type Received } from '../support/peers.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay, type Thread } from '../support/relay.ts'
import { silentListener } from '../support/silent-listener.ts'
import { unusedPort } from '../support/unused-ports.ts'

async function session(thread: Thread, upstream: string, options: ForwardOptions = {}): Promise<{ received: Received; closed: CloseEvent }> {
  const results: { received: Received; closed: CloseEvent }[] = []
  const endpoint = upstream.startsWith('unix:') ? unix(upstream.slice(5)) : tcp(upstream)
  await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(endpoint, options)), { thread }, async (relay) => {
    const downstream = await connect(relay.address)
    const received = await downstream.readAll()
    results.push({ received, closed: await relay.close() })
  })
  const [result] = results
  assert(result)
  return result
}

for (const thread of threads) {
  describe(`an upstream that cannot be had, ${thread} thread`, () => {
    it('refused: nobody listens on the port', async () => {
      const { closed, received } = await session(thread, `127.0.0.1:${await unusedPort()}`)
      assert.equal(closed.reason, 'connectRefused')
      assert.equal(received.bytes, 0)
      assert.ok(closed.durationMs < 2_000, `${closed.durationMs} ms`)
    })

    it('refused over IPv6', async () => {
      const { closed } = await session(thread, `[::1]:${await unusedPort('::1')}`)
      assert.equal(closed.reason, 'connectRefused')
    })

    it('unreachable: the network says so at once', async () => {
      // tcp(7): a broadcast address, here that of the loopback, is ENETUNREACH for a stream; no packet leaves.
      const { closed } = await session(thread, '127.255.255.255:80')
      assert.equal(closed.reason, 'connectUnreachable')
      assert.ok(closed.durationMs < 2_000, `${closed.durationMs} ms`)
    })

    it('black-holed: the connect timeout ends it', async () => {
      const hole = await silentListener()
      try {
        const { closed } = await session(thread, hole.address, { connectTimeoutMs: 300, retries: 0 })
        assert.equal(closed.reason, 'connectTimeout')
        assert.ok(closed.durationMs >= 300 && closed.durationMs < 3_000, `${closed.durationMs} ms`)
      } finally {
        await hole.close()
      }
    })

    it('a Unix socket that is not there', async () => {
      const { closed } = await session(thread, 'unix:/nowhere/at/all.sock')
      assert.equal(closed.reason, 'connectUnreachable')
    })

    for (const greeting of ['', 'come back later\n', 'come back later\n'.repeat(10_000)]) {
      it(`reset on accept, after ${greeting.length} bytes: they arrive first, then the reset`, async () => {
        const listener = await listen({ onPeer: (peer) => { void peer.send(greeting).then(() => acknowledged(peer)).then(peer.reset) } })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
          const { bytes, sha256: digest, ending } = await (await rawPeer(relay.address)).report()
          assert.deepEqual({ bytes, digest, ending }, { bytes: greeting.length, digest: sha256(Buffer.from(greeting)), ending: 'ECONNRESET' })
          assert.equal((await relay.close()).reason, 'resetByUpstream')
        })
      })
    }

    it('itself: a connect that met its own port counts as refused', async () => {
      // In a network namespace with a single ephemeral port, where a socket that connects to it can only be given that port.
      const said = await inNamespace('sysctl -qw net.ipv4.ip_local_port_range="40000 40000"', 'connect-case.ts', [thread, '127.0.0.1:40000'])
      if (said !== undefined) assert.deepEqual(said, { reason: 'connectRefused' })
    })

    it('no route to the host', async () => {
      const said = await inNamespace('ip route add unreachable 10.9.8.0/24', 'connect-case.ts', [thread, '10.9.8.7:80'])
      if (said !== undefined) assert.deepEqual(said, { reason: 'connectUnreachable' })
    })

    it('packets dropped by a firewall', async () => {
      const drop = 'nft add table ip t && nft "add chain ip t o { type filter hook output priority 0; }" && nft add rule ip t o tcp dport 81 drop'
      const said = await inNamespace(drop, 'connect-case.ts', [thread, '127.0.0.1:81', '300'])
      if (said !== undefined) assert.deepEqual(said, { reason: 'connectTimeout' })
    })
  })
}
