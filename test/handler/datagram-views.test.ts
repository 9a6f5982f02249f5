/** Pitfall 26, for batches: bytes are views of memory that is used again, valid until the handler returns; debug mode catches those who keep them. */
import assert from 'node:assert/strict'
import { datagrams, filterDatagrams, forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'))

describe('the bytes of a datagram', () => {
  it('stay what they are through the whole batch, also those of datagrams that the loop has left', async () => {
    let whole: string[] = []
    const sink = datagrams((batch) => {
      const views: Buffer[] = []
      for (const datagram of batch) {
        views.push(datagram.bytes)
        batch.reply(datagram, datagram.bytes)
      }
      whole = views.map((view) => view.toString())
    })
    await withRelay(pipe(source(), sink), {}, async (relay) => {
      const peer = await udpPeer(relay.address)
      const texts = Array.from({ length: 100 }, (_, i) => `datagram ${i}`)
      await peer.burst(texts)
      assert.deepEqual(await peer.texts(100), texts)
      assert.deepEqual(whole, texts)
    })
  })

  it('in debug mode are empty once the handler has returned, and answering with them is an error that says so', async () => {
    const kept: Buffer[] = []
    const errors: unknown[] = []
    const sink = datagrams((batch) => {
      for (const datagram of batch) {
        const [old] = kept
        if (old === undefined) kept.push(datagram.bytes)
        else batch.reply(datagram, old)
      }
    })
    await withRelay(pipe(source(), sink), { debug: true, onError: (error) => void errors.push(error) }, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.send('keep me')
      await ledgerSays(relay.server, 'toUpstream', { received: 1, consumed: 1 })
      assert.equal(kept[0]?.length, 0)
      await peer.send('answer with it')
      await until(() => errors.length > 0, 'the error to be told')
      assert.match(String(errors[0]), /reply: these bytes were kept after their handler had returned/)
      await ledgerSays(relay.server, 'toUpstream', { received: 2, consumed: 1, dropped: { handler: 1 } })
      assert.equal(peer.count(), 0)
    })
  })

  it('in debug mode all that handlers do works as without', async () => {
    const upstream = await udpEcho()
    const filter = filterDatagrams({
      toUpstream: (batch) => {
        for (const datagram of batch) {
          const text = datagram.bytes.toString()
          if (text === 'drop') batch.drop(datagram)
          else if (text === 'replace') batch.replace(datagram, datagram.bytes.subarray(2))
          else if (text === 'answer') batch.reply(datagram, datagram.bytes.subarray(0, 3))
          else if (text === 'change') datagram.bytes.write('CH')
        }
      },
      toDownstream: (batch) => { for (const datagram of batch) datagram.bytes.write('<') },
    })
    await withRelay(pipe(source(), filter, forward(udp(upstream.address))), { debug: true }, async (relay) => {
      const peer = await udpPeer(relay.address)
      for (const [text, answer] of [['pass', '<ass'], ['replace', '<lace'], ['answer', 'ans'], ['change', '<Hange']] as const) assert.equal(await peer.ask(text), answer)
      await peer.send('drop')
      await ledgerSays(relay.server, 'toUpstream', { received: 5, produced: 1, sent: 3, consumed: 2, dropped: { handler: 1 } })
    })
  })
})
