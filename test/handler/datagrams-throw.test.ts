/** Pitfall 24, for batches: a handler that throws at a datagram loses that one, and is called again with those behind it. */
import assert from 'node:assert/strict'
import { datagrams, filterDatagrams, forward, listen as from, pipe, udp, type DatagramBatch, type Pipeline } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'

const texts = ['0', '1', '2', '3', '4', '5']
type Act = (batch: DatagramBatch) => void

const kinds: readonly (readonly [name: string, (act: Act, upstream: string) => Pipeline<'datagram'>])[] = [
  ['datagrams', (act) => pipe(from(udp('127.0.0.1:0')), datagrams((batch) => {
    act(batch)
  }))],
  ['filterDatagrams', (act, upstream) => pipe(from(udp('127.0.0.1:0')), filterDatagrams((batch) => { act(batch) }), forward(udp(upstream)))],
]

/** What throws, has `texts` come in one batch; those in `lost` are dropped by the handler, the others are not. */
async function loses(make: (act: Act, upstream: string) => Pipeline<'datagram'>, act: Act, lost: readonly string[], thrown: readonly unknown[]): Promise<void> {
  const upstream = await udpPeer()
  const errors: (readonly [unknown, unknown])[] = []
  const pipeline = make(act, upstream.address)
  await withRelay(pipeline, { onError: (error, session) => void errors.push([error, session]) }, async (relay) => {
    const peer = await udpPeer(relay.address)
    await peer.burst(texts)
    const filters = upstream.count
    const kept = texts.length - lost.length
    const dropped = lost.length === 0 ? {} : { handler: lost.length }
    const isSink = pipeline.chain.sink.name === 'datagrams'
    await ledgerSays(relay.server, 'toUpstream', { received: texts.length, dropped, ...(isSink ? { consumed: kept } : { sent: kept }) })
    if (!isSink) assert.deepEqual(await upstream.texts(kept), texts.filter((text) => !lost.includes(text)), `${filters()} came`)
    assert.deepEqual(errors, thrown.map((error) => [error, undefined]))
    assert.equal(relay.server.ledger().sessions.open, 1, 'the flow goes on')
  })
}

for (const [name, make] of kinds) {
  describe(`a throw in ${name}`, () => {
    for (const [what, bad] of [['first', '0'], ['middle', '3'], ['last', '5']] as const) {
      it(`at the ${what} datagram loses that one alone`, async () => {
        const error = new Error('no such luck')
        const seen: string[] = []
        await loses(make, (batch) => {
          for (const datagram of batch) {
            const text = datagram.bytes.toString()
            seen.push(text)
            if (text === bad) throw error
          }
        }, [bad], [error])
        assert.deepEqual(seen, texts, 'each is shown once')
      })
    }

    it('at every datagram loses all, and is told of each', async () => {
      const errors = texts.map((text) => new Error(text))
      let calls = 0
      await loses(make, (batch) => {
        for (const _datagram of batch) throw errors[calls++] ?? new Error('too many calls')
      }, texts, errors)
    })

    it('before the first is taken loses the first', async () => {
      const error = new Error('too early')
      let calls = 0
      await loses(make, () => { if (calls++ === 0) throw error }, ['0'], [error])
      assert.equal(calls, 2)
    })

    it('after the last was left loses none', async () => {
      const error = new Error('too late')
      await loses(make, (batch) => {
        let count = 0
        for (const _datagram of batch) count++
        if (count > 0) throw error
      }, [], [error])
    })

    it('may be of anything', async () => {
      const nothing: unknown = null
      await loses(make, (batch) => {
        for (const datagram of batch) if (datagram.bytes.toString() === '2') throw nothing
      }, ['2'], [null])
    })
  })
}

describe('answers that were given before a throw', () => {
  it('are sent', async () => {
    const sink = datagrams((batch) => {
      for (const datagram of batch) {
        batch.reply(datagram, `${datagram.bytes.toString()}: yes`)
        if (datagram.bytes.toString() === '1') throw new Error('but')
      }
    })
    const errors: unknown[] = []
    await withRelay(pipe(from(udp('127.0.0.1:0')), sink), { onError: (error) => void errors.push(error) }, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.burst(['0', '1', '2'])
      assert.deepEqual(await peer.texts(3), ['0: yes', '1: yes', '2: yes'])
      assert.equal(errors.length, 1)
      await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 2, dropped: { handler: 1 } })
    })
  })
})
