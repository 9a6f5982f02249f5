import assert from 'node:assert/strict'
import { close, echo, listen as from, otherwise, pipe, route, udp, when, wireguard } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'

const message = (type: number, bytes: number, reserved = 0): Buffer => Buffer.concat([Buffer.from([type, reserved, 0, 0]), Buffer.alloc(bytes - 4, 7)])

for (const thread of threads) {
  describe(`wireguard, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    it('yes for each of its messages, no for other types and lengths', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), route(when(wireguard(), echo()), otherwise(close()))), { thread }, async ({ server, address }) => {
        const peer = await udpPeer(address)
        const refused = [message(1, 147), message(2, 93), message(3, 65), message(4, 31), message(5, 148), message(0, 148), message(1, 148, 1), Buffer.from([1, 0, 0, 0])]
        const passed = [message(1, 148), message(2, 92), message(3, 64), message(4, 32), message(4, 1_452)]
        for (const one of refused) await peer.send(one)
        for (const one of passed) {
          await peer.send(one)
          assert.deepEqual((await peer.receive()).bytes, one)
        }
        await ledgerSays(server, 'toUpstream', { received: refused.length + passed.length, consumed: passed.length, dropped: { policy: refused.length } })
      })
    })
  })
}
