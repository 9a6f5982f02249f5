/** Pitfall 2.6, for UDP: a source address has so many ports for all upstreams together, and bind(2) says EADDRINUSE when it has none left. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { inNamespace } from '../support/namespace.ts'
import { threads, withRelay } from '../support/relay.ts'
import { hostOf, udpPeer } from '../support/udp-peers.ts'

for (const thread of threads) {
  describe(`several source addresses of flows, ${thread} thread`, () => {
    it('10 ports and 3 addresses are 30 flows at once; then the one that nobody has answered gives way, and without one the next is dropped', async () => {
      const found = await inNamespace('sysctl -qw net.ipv4.ip_local_port_range="40000 40009"', 'sources-case.ts', [thread, 'datagram', '10'])
      if (found === undefined) return
      assert.deepEqual(found, {
        open: 30,
        first: ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.0.2'],
        from: { '127.0.0.2': 10, '127.0.0.3': 10, '127.0.0.4': 10 },
        gaveWay: { reason: 'evicted', first: true },
        after: '127.0.0.2',
        full: 1,
        error: 'EADDRINUSE',
      })
    })

    it('one that is not of this machine is passed over', async () => {
      const upstream = await udpPeer()
      // TEST-NET-3 of RFC 5737: nobody has it.
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address), { sourceAddress: ['203.0.113.1', '127.0.0.9', '::1'] })), { thread }, async (relay) => {
        for (let i = 0; i < 2; i++) {
          await (await udpPeer(relay.address)).send('hello')
          assert.equal(hostOf((await upstream.receive()).from), '127.0.0.9')
        }
      })
    })
  })
}
