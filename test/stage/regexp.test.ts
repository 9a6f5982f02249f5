import assert from 'node:assert/strict'
import { any, echo, listen as from, not, pipe, prefix, regexp, route, udp, when } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { answerOf } from '../support/branch.ts'
import { matcherCases } from '../support/matcher-cases.ts'
import { threads, withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'

// What it says of everything else is in test/native/regexp.test.ts.
matcherCases(regexp(/^(?:GET|HEAD) \/v[12]\/\S* HTTP\/1\.1\r\n/), [
  ['a request', 'GET /v1/x HTTP/1.1\r\nHost: a\r\n\r\n', 'yes'],
  ['another path', 'GET /v3/x HTTP/1.1\r\n', 'no'],
  ['the beginning of one', 'HEAD /v2/', 'more'],
])
matcherCases(regexp(/\xc3\xa9t\xc3\xa9/i, { maxBytes: 12 }), [
  ['its bytes beyond maxBytes', 'un grand été', 'no'],
  ['its bytes within maxBytes', 'un été', 'yes'],
  ['less than maxBytes without', 'un hiver', 'more'],
])

for (const thread of threads) {
  describe(`regexp, ${thread} thread`, () => {
    afterEach(closeUdpPeers)

    it('$ is the end that a FIN makes', async () => {
      for (const [text, fin, expected] of [['quit', true, 'yes'], ['quit', false, 'more'], ['quite', true, 'no'], ['quite', false, 'no']] as const) {
        assert.equal(await answerOf(regexp(/^quit$/), thread, { pieces: [text], fin }), expected, `${text} ${fin}`)
      }
    })

    it('a datagram is all there is', async () => {
      await withRelay(pipe(from(udp('127.0.0.1:0')), route(when(any(regexp(/^ping( \d{1,3})?$/), regexp(/\0end$/)), echo()), when(not(any(regexp(/x/), prefix('p'))), echo()))), { thread }, async ({ server, address }) => {
        const peer = await udpPeer(address)
        for (const refused of ['ping ', 'ping 1234', 'xend', 'x']) await peer.send(refused)
        for (const passed of ['ping', 'ping 123', '\0end', '', 'a']) assert.equal(await peer.ask(passed), passed)
        await ledgerSays(server, 'toUpstream', { received: 9, consumed: 5, dropped: { policy: 4 } })
      })
    })
  })
}
