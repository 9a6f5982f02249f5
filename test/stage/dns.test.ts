import assert from 'node:assert/strict'
import { close, dns, echo, listen as from, otherwise, pipe, route, udp, when } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { matcherCases } from '../support/matcher-cases.ts'
import { threads, withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'

const query = Buffer.from('1234010000010000000000010161076578616d706c65000001000100002904d000000000000000', 'hex')
const response = Buffer.from('1234818000010000000000000161076578616d706c650000010001', 'hex')
const framed = (message: Buffer): Buffer => Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message])

matcherCases(dns(), [
  ['a query behind its length', framed(query), 'yes'],
  ['half of one', framed(query).subarray(0, 20), 'more'],
  ['a response', framed(response), 'no'],
  ['a length that is too short', Buffer.from([0, 16, 1]), 'no'],
])

for (const thread of threads) {
  describe(`dns of datagrams, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    it('yes for a query, no for a response, for one that is cut and for anything else', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), route(when(dns(), echo()), otherwise(close()))), { thread }, async ({ server, address }) => {
        const peer = await udpPeer(address)
        for (const refused of [response, query.subarray(0, 20), Buffer.from('hello'), Buffer.alloc(0)]) await peer.send(refused)
        await peer.send(query)
        assert.deepEqual((await peer.receive()).bytes, query)
        await ledgerSays(server, 'toUpstream', { received: 5, consumed: 1, dropped: { policy: 4 } })
      })
    })
  })
}
