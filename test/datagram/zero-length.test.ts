/** Pitfall 15: a datagram without bytes is a datagram, and the end of nothing. */
import assert from 'node:assert/strict'
import { datagrams, discard, echo, filterDatagrams, forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'

for (const thread of threads) {
  describe(`a datagram without bytes, ${thread} thread`, () => {
    it('is forwarded both ways, before, between and after others, and the flow goes on', async () => {
      const upstream = await udpPeer()
      await withRelay(pipe(from(udp('127.0.0.1:0')), forward(udp(upstream.address))), { thread }, async (relay) => {
        const downstream = await udpPeer(relay.address)
        const texts = ['', 'one', '', '', 'two', '']
        for (const text of texts) await downstream.send(text)
        const first = await upstream.receive()
        assert.deepEqual(['', ...(await upstream.texts(texts.length - 1))], texts)
        assert.equal(first.bytes.length, 0)
        for (const text of texts) await upstream.send(text, first.from)
        assert.deepEqual(await downstream.texts(texts.length), texts)
        for (const direction of ['toUpstream', 'toDownstream'] as const) {
          await ledgerSays(relay.server, direction, { received: 6, sent: 6 })
          assert.equal(relay.server.ledger()[direction].sent, 6)
        }
        assert.equal(relay.server.ledger().sessions.open, 1)
      })
    })

    it('is echoed, and discarded', async () => {
      await withRelay([pipe(from(udp('127.0.0.1:0')), echo()), pipe(from(udp('127.0.0.1:0')), discard())], { thread }, async (relay) => {
        const [echoed, discarded] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1))]
        assert.equal(await echoed.ask(''), '')
        await discarded.send('')
        await ledgerSays(relay.server, 'toUpstream', { received: 2, consumed: 2 })
        await ledgerSays(relay.server, 'toDownstream', { produced: 1, sent: 1 })
      })
    })
  })
}

describe('a datagram without bytes and handlers', () => {
  it('is seen as one, answered with one, and replaced by one', async () => {
    const upstream = await udpPeer()
    const lengths: number[] = []
    const pipelines = [
      pipe(from(udp('127.0.0.1:0')), datagrams((batch) => {
        for (const datagram of batch) {
          lengths.push(datagram.length, datagram.bytes.length)
          batch.reply(datagram, datagram.bytes)
        }
      })),
      pipe(from(udp('127.0.0.1:0')), filterDatagrams((batch) => {
        for (const datagram of batch) batch.replace(datagram, datagram.length === 0 ? 'nothing' : '')
      }), forward(udp(upstream.address))),
    ]
    await withRelay(pipelines, {}, async (relay) => {
      const [answered, replaced] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1))]
      assert.equal(await answered.ask(''), '')
      assert.deepEqual(lengths, [0, 0])
      await replaced.send('')
      await replaced.send('something')
      assert.deepEqual(await upstream.texts(2), ['nothing', ''])
    })
  })
})
