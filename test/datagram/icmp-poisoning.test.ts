/** Pitfall 14: an ICMP error of an earlier datagram surfaces at the next call on the socket, and must not cost the good datagram that meets it. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const rounds = sanitized ? 200 : 1_000

for (const thread of threads) {
  describe(`an upstream that goes away and comes back, ${thread} thread`, () => {
    it(`gets the first datagram that is sent after it is back, ${rounds} of ${rounds} times, and the flow is the same`, async () => {
      const port = await unusedPort()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(`127.0.0.1:${port}`))), { thread }, async (relay) => {
        const downstream = await udpPeer(relay.address)
        const sent = (): number => relay.server.ledger().datagrams.toUpstream.sent
        const upstreamPorts = new Set<string>()
        for (let i = 0; i < rounds; i++) {
          const before = sent()
          await downstream.send(`lost ${i}`)
          await until(() => sent() > before, 'the datagram to leave for an upstream that is not there')
          const upstream = await udpEcho({ port })
          await downstream.send(`first ${i}`)
          const first = await upstream.receive()
          assert.equal(first.bytes.toString(), `first ${i}`)
          upstreamPorts.add(first.from)
          assert.equal((await downstream.receive()).bytes.toString(), `first ${i}`)
          await upstream.close()
        }
        await ledgerSays(relay.server, 'toUpstream', { received: 2 * rounds, sent: 2 * rounds })
        await ledgerSays(relay.server, 'toDownstream', { received: rounds, sent: rounds })
        assert.equal(upstreamPorts.size, 1)
        assert.equal(relay.server.ledger().sessions.accepted, 1)
        const { icmpErrors } = relay.server.ledger().datagrams
        assert.ok(icmpErrors >= rounds, `${icmpErrors} ICMP errors`)
      })
    })

    it('that stays away costs nothing but what is sent to it: no session ends, no other flow notices', async () => {
      const port = await unusedPort()
      const there = await udpEcho()
      const pipelines = [`127.0.0.1:${port}`, there.address].map((to) => pipe(from(udp('127.0.0.1:0')), forward(udp(to))))
      await withRelay(pipelines, { thread }, async (relay) => {
        const [lonely, lucky] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1))]
        for (let i = 0; i < 50; i++) {
          await lonely.send('is anybody there?')
          assert.equal(await lucky.ask('yes'), 'yes')
        }
        const account = () => {
          const [first] = relay.server.ledger().pipelines
          assert(first)
          return first
        }
        await until(() => account().datagrams.toUpstream.received === 50 && account().datagrams.toUpstream.pending === 0, 'all to be done with')
        const { sent, dropped } = account().datagrams.toUpstream
        assert.equal(sent + dropped.unreachable.datagrams, 50)
        assert.ok(account().datagrams.icmpErrors > 0)
        assert.deepEqual([lonely.count(), account().sessions.open], [0, 1])
      })
    })
  })
}
