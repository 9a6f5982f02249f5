/** Pitfall 18: who sends from a false address gets nobody more bytes than it has sent itself, unless an upstream makes them. */
import assert from 'node:assert/strict'
import { close, deny, discard, echo, forward, limit, listen as from, otherwise, pipe, prefix, route, throttle, udp, when } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'))

for (const thread of threads) {
  describe(`what a stranger gets back, ${thread} thread`, () => {
    it('from an echo: as many bytes as it has sent, whatever their sizes', async () => {
      await withRelay(pipe(source(), echo()), { thread }, async (relay) => {
        const stranger = await udpPeer(relay.address)
        const sizes = [0, 1, 100, 1472, 9_000]
        for (const size of sizes) assert.equal((await stranger.ask(Buffer.alloc(size, 's'))).length, size)
        await ledgerSays(relay.server, 'toDownstream', { produced: sizes.length, sent: sizes.length })
        const { toUpstream, toDownstream } = relay.server.ledger()
        assert.equal(toDownstream.sent, toUpstream.received)
      })
    })

    it('from what drops it: nothing, whatever the reason', async () => {
      const silent = await udpPeer()
      const pipelines = [
        pipe(source(), deny('127.0.0.0/8'), echo()),
        pipe(source(), close()),
        pipe(source(), discard()),
        pipe(source(), route(when(prefix('never'), echo()), otherwise(close()))),
        pipe(source(), limit({ newSessionsPerSecond: 1 }), deny('127.0.0.1'), echo()),
        pipe(source(), throttle({ bytesPerSecond: 1, burstBytes: 1 }), forward(udp(silent.address))),
        pipe(from(udp('127.0.0.1:0'), { maxFlowsPerAddress: 1 }), forward(udp(silent.address))),
        pipe(source(), forward(udp('255.255.255.255:9'))),
      ]
      await withRelay(pipelines, { thread }, async (relay) => {
        const strangers = await Promise.all(pipelines.flatMap((_, i) => [1, 2].map(() => udpPeer(relay.addressOf(i)))))
        for (const stranger of strangers) for (let n = 0; n < 5; n++) await stranger.send('who are you?')
        const received = 10 * pipelines.length
        const account = (): ReturnType<typeof relay.server.ledger> => relay.server.ledger()
        while (account().datagrams.toUpstream.received < received) await new Promise(setImmediate)
        await ledgerSays(relay.server, 'toDownstream', {})
        assert.deepEqual(strangers.map((stranger) => stranger.count()), strangers.map(() => 0))
      })
    })
  })
}
