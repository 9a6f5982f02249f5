/** The sink `datagrams`: a batch a call, and as many answers as the handler likes. */
import assert from 'node:assert/strict'
import { datagrams, forward, listen as from, pipe, RelayError, udp, type DatagramBatch } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { call } from '../plan/untyped.ts'
import { withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'))
const most = 65_507

/** Each datagram is what a test does to it. */
const sink = (act: (batch: DatagramBatch, text: string, datagram: Parameters<DatagramBatch['reply']>[0]) => void) => datagrams((batch) => {
  for (const datagram of batch) act(batch, datagram.bytes.toString('latin1'), datagram)
})

describe('datagrams', () => {
  it('is called with all that came together, and shows of each its bytes, peer, flow and listener', async () => {
    const seen: unknown[] = []
    const lengths: number[] = []
    const handler = datagrams((batch) => {
      lengths.push(batch.length)
      for (const { bytes, length, peer, flow, listener } of batch) seen.push([bytes.toString(), length, peer, flow, listener])
    })
    await withRelay(pipe(source(), handler), {}, async (relay) => {
      const peer = await udpPeer(relay.address)
      const texts = ['a', 'bb', '', 'dddd']
      await peer.burst(texts)
      await ledgerSays(relay.server, 'toUpstream', { received: 4, consumed: 4 })
      const [open] = await relay.opens()
      assert.deepEqual(seen, texts.map((text) => [text, text.length, peer.address, open?.session, relay.address]))
      assert.deepEqual(lengths, [4])
      assert.equal(open?.downstream, peer.address)
      assert.equal(peer.count(), 0, 'what is not answered is consumed')
    })
  })

  it('answers with the datagram itself, with a part of it, with other bytes and with text', async () => {
    const handler = sink((batch, text, datagram) => {
      if (text === 'itself') batch.reply(datagram, datagram.bytes)
      if (text === 'a part') batch.reply(datagram, datagram.bytes.subarray(2))
      if (text === 'other') batch.reply(datagram, Buffer.from('bytes'))
      if (text === 'text') batch.reply(datagram, 'Grüße')
      if (text === 'changed') batch.reply(datagram, datagram.bytes.fill('x', 0, 2))
    })
    await withRelay(pipe(source(), handler), {}, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.burst(['itself', 'a part', 'other', 'text', 'changed'])
      const answers = await peer.texts(5)
      assert.deepEqual(answers, ['itself', 'part', 'bytes', Buffer.from('Grüße').toString('latin1'), 'xxanged'])
      await ledgerSays(relay.server, 'toUpstream', { received: 5, consumed: 5 })
      await ledgerSays(relay.server, 'toDownstream', { produced: 5, sent: 5 })
    })
  })

  it('answers none, once or many times, of any size, in the order of the calls', async () => {
    const handler = sink((batch, text, datagram) => {
      for (let i = 0; i < Number(text); i++) batch.reply(datagram, `${i} of ${text}`)
      if (text === 'all sizes') for (const size of [0, 1, 1472, 9000, most]) batch.reply(datagram, Buffer.alloc(size, 's'))
    })
    await withRelay(pipe(source(), handler), {}, async (relay) => {
      const [peer, other] = [await udpPeer(relay.address), await udpPeer(relay.address)]
      await peer.burst(['0', '1', '50'])
      assert.deepEqual(await peer.texts(51), ['0 of 1', ...Array.from({ length: 50 }, (_, i) => `${i} of 50`)])
      await other.send('all sizes')
      for (const size of [0, 1, 1472, 9000, most]) assert.deepEqual((await other.receive()).bytes, Buffer.alloc(size, 's'))
    })
  })

  // Answers by the thousand may be more than the client's kernel has room for: what comes is then not all, but still in order.
  for (const [what, count, size] of [['of 8 KiB, more than the shared memory holds', 200, 8_192], ['of a few bytes, more than there are rows for', 6_000, 8]] as const) {
    it(`sends ${count} answers of one call ${what}: all of them, whole and in order`, async () => {
      const handler = sink((batch, text, datagram) => {
        if (text === 'end') batch.reply(datagram, 'end')
        else for (let i = 0; i < count; i++) batch.reply(datagram, `${i} `.padEnd(size, String(i)))
      })
      await withRelay(pipe(source(), handler), {}, async (relay) => {
        const peer = await udpPeer(relay.address)
        await peer.send('begin')
        await ledgerSays(relay.server, 'toDownstream', { produced: count, sent: count })
        await peer.send('end')
        let last = -1
        let arrived = 0
        for (let text = ''; text !== 'end'; ) {
          ;[text = ''] = await peer.texts(1)
          if (text === 'end') break
          const number = parseInt(text, 10)
          assert.equal(text, `${number} `.padEnd(size, String(number)))
          assert.ok(number > last, `${number} came after ${last}`)
          last = number
          arrived++
        }
        assert.ok(arrived >= 10, `${arrived} of ${count} arrived`)
      })
    })
  }

  it('serves flows of several pipelines side by side', async () => {
    const pipelines = ['one', 'two'].map((name) => pipe(source(), sink((batch, text, datagram) => { batch.reply(datagram, `${name}: ${text}`) })))
    await withRelay(pipelines, {}, async (relay) => {
      const [one, two] = [await udpPeer(relay.addressOf(0)), await udpPeer(relay.addressOf(1))]
      await Promise.all([one.send('hello'), two.send('hello')])
      assert.deepEqual([await one.texts(1), await two.texts(1)], [['one: hello'], ['two: hello']])
    })
  })

  it('refuses an answer that no datagram can carry; only the datagram it was for is lost', async () => {
    const errors: unknown[] = []
    const handler = sink((batch, text, datagram) => { batch.reply(datagram, text === 'long' ? Buffer.alloc(70_000) : text) })
    await withRelay(pipe(source(), handler), { onError: (error) => void errors.push(error) }, async (relay) => {
      const peer = await udpPeer(relay.address)
      await peer.burst(['short', 'long', 'short too'])
      assert.deepEqual(await peer.texts(2), ['short', 'short too'])
      await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 2, dropped: { handler: 1 } })
      const [error] = errors
      assert.ok(error instanceof RelayError)
      assert.deepEqual([errors.length, error.code], [1, 'ERR_MILLRACE_BAD_VERDICT'])
      assert.match(error.message, /reply: 70000 bytes do not fit into a datagram: at most 65507/)
    })
  })

  it('refuses an answer to a datagram of an earlier batch, and to one of another batch', async () => {
    const kept: (() => void)[] = []
    const errors: unknown[] = []
    const handler = sink((batch, text, datagram) => {
      if (text === 'keep') kept.push(() => { batch.reply(datagram, 'late') })
      for (const late of text === 'late' ? kept : []) late()
      batch.reply(datagram, text)
    })
    await withRelay(pipe(source(), handler), { onError: (error) => void errors.push(error) }, async (relay) => {
      const peer = await udpPeer(relay.address)
      assert.equal(await peer.ask('keep'), 'keep')
      const expected = { code: 'ERR_MILLRACE_BAD_VERDICT', message: /this batch is over: its datagrams can be answered only until the handler returns/ }
      for (const late of kept) assert.throws(late, expected)
      await peer.send('late')
      await until(() => errors.length === 1, 'the error to be told')
      assert.throws(() => { throw errors[0] }, expected)
      assert.equal(await peer.ask('after'), 'after')
      await ledgerSays(relay.server, 'toUpstream', { received: 3, consumed: 2, dropped: { handler: 1 } })
    })
  })

  it('tells of a handler that answers later, and keeps what it has done at once', async () => {
    const errors: unknown[] = []
    const later = async (batch: DatagramBatch): Promise<void> => {
      for (const datagram of batch) batch.reply(datagram, 'at once')
    }
    const made: unknown = call(datagrams, later)
    const pipeline: unknown = call(pipe, source(), made)
    const isOne = (value: unknown): value is ReturnType<typeof pipe<'datagram', [ReturnType<typeof datagrams>]>> => typeof value === 'object' && value !== null
    assert.ok(isOne(pipeline))
    await withRelay(pipeline, { onError: (error) => void errors.push(error) }, async (relay) => {
      assert.equal(await (await udpPeer(relay.address)).ask('when?'), 'at once')
      assert.match(String(errors[0]), /datagrams: a handler must answer at once/)
    })
  })

  it('ends a flow by endSession, and closes the server, from within a handler', async () => {
    let close: () => void = () => undefined
    let end: (flow: number) => void = () => undefined
    const handler = sink((batch, text, datagram) => {
      if (text === 'end me') end(datagram.flow)
      if (text === 'close') close()
      batch.reply(datagram, text)
    })
    await withRelay([pipe(source(), handler), pipe(source(), forward(udp('127.0.0.1:9')))], {}, async (relay) => {
      end = (flow) => { relay.server.endSession(flow) }
      close = () => void relay.server.close({ drainMs: 0 })
      const peer = await udpPeer(relay.address)
      assert.equal(await peer.ask('first'), 'first')
      await peer.burst(['end me', 'and more', 'still more'])
      assert.equal((await relay.close()).reason, 'closedByHandler')
      assert.equal(await (await udpPeer(relay.address)).ask('another'), 'another')
      await (await udpPeer(relay.address)).send('close')
      await relay.server.closed
      assert.ok(relay.server.ledger().balanced)
    })
  })
})
