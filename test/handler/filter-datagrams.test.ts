/** The stage `filterDatagrams`: what it lets go on, drops, puts in its place and answers, both ways. */
import assert from 'node:assert/strict'
import { echo, filterDatagrams, forward, listen as from, otherwise, pipe, prefix, route, udp, when, type FilterBatch, type Pipeline } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { udpPeer, type UdpPeer } from '../support/udp-peers.ts'

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'))

/** Does what the datagram says. */
const obey = (batch: FilterBatch): undefined => {
  for (const datagram of batch) {
    const text = datagram.bytes.toString()
    if (text.startsWith('drop')) batch.drop(datagram)
    if (text.startsWith('replace')) batch.replace(datagram, `${text}d`)
    if (text.startsWith('shorten')) batch.replace(datagram, datagram.bytes.subarray(0, 5))
    if (text.startsWith('answer')) batch.reply(datagram, `${text}ed`)
  }
}
const orders = ['pass', 'drop', 'replace', 'answer', 'shorten', 'pass too']

/** Everything that reaches the upstream of a pipeline. */
async function through(pipeline: (upstream: UdpPeer) => Pipeline<'datagram'>, texts: readonly string[], expected: readonly string[]): Promise<void> {
  const upstream = await udpPeer()
  await withRelay(pipeline(upstream), {}, async (relay) => {
    const downstream = await udpPeer(relay.address)
    await downstream.burst(texts)
    assert.deepEqual(await upstream.texts(expected.length), expected)
  })
}

describe('filterDatagrams', () => {
  it('toUpstream: lets go on, drops, replaces and answers, in order', async () => {
    const upstream = await udpPeer()
    await withRelay(pipe(source(), filterDatagrams(obey), forward(udp(upstream.address))), {}, async (relay) => {
      const downstream = await udpPeer(relay.address)
      await downstream.burst(orders)
      assert.deepEqual(await upstream.texts(4), ['pass', 'replaced', 'short', 'pass too'])
      assert.deepEqual(await downstream.texts(1), ['answered'])
      await ledgerSays(relay.server, 'toUpstream', { received: 6, produced: 2, sent: 4, consumed: 3, dropped: { handler: 1 } })
      await ledgerSays(relay.server, 'toDownstream', { produced: 1, sent: 1 })
    })
  })

  it('toDownstream: the same, and an answer goes to the upstream', async () => {
    const upstream = await udpPeer()
    await withRelay(pipe(source(), filterDatagrams({ toDownstream: obey }), forward(udp(upstream.address))), {}, async (relay) => {
      const downstream = await udpPeer(relay.address)
      await downstream.send('drop nothing on this way')
      const flow = (await upstream.receive()).from
      await upstream.burst(orders, flow)
      assert.deepEqual(await downstream.texts(4), ['pass', 'replaced', 'short', 'pass too'])
      assert.deepEqual(await upstream.texts(1), ['answered'])
      await ledgerSays(relay.server, 'toDownstream', { received: 6, produced: 2, sent: 4, consumed: 3, dropped: { handler: 1 } })
      await ledgerSays(relay.server, 'toUpstream', { received: 1, produced: 1, sent: 2 })
    })
  })

  it('several are called in the order of the pipeline towards the upstream, and in its reverse back', async () => {
    const mark = (name: string) => filterDatagrams({
      toUpstream: (batch) => { for (const datagram of batch) batch.replace(datagram, `${datagram.bytes.toString()}${name}`) },
      toDownstream: (batch) => { for (const datagram of batch) batch.replace(datagram, `${datagram.bytes.toString()}${name}`) },
    })
    const upstream = await udpPeer(undefined, { answer: (bytes) => `${bytes.toString()}|` })
    await withRelay(pipe(source(), mark('1'), mark('2'), mark('3'), forward(udp(upstream.address))), {}, async (relay) => {
      assert.equal(await (await udpPeer(relay.address)).ask('-'), '-123|321')
    })
  })

  it('what one has dropped or answered the next does not see, and what it has replaced is seen replaced', async () => {
    const seen: string[] = []
    const spy = filterDatagrams((batch) => { for (const datagram of batch) seen.push(datagram.bytes.toString()) })
    await through((upstream) => pipe(source(), filterDatagrams(obey), spy, forward(udp(upstream.address))), orders, ['pass', 'replaced', 'short', 'pass too'])
    assert.deepEqual(seen, ['pass', 'replaced', 'short', 'pass too'])
  })

  it('the last verdict of a datagram counts', async () => {
    const fickle = filterDatagrams((batch) => {
      for (const datagram of batch) {
        batch.drop(datagram)
        batch.replace(datagram, 'once')
        batch.replace(datagram, 'twice')
        if (datagram.bytes.toString() === 'b') batch.drop(datagram)
      }
    })
    await through((upstream) => pipe(source(), fickle, forward(udp(upstream.address))), ['a', 'b', 'c'], ['twice', 'twice'])
  })

  it('bytes that are changed in place go on changed', async () => {
    const loud = filterDatagrams((batch) => { for (const { bytes } of batch) bytes.write(bytes.toString().toUpperCase()) })
    await through((upstream) => pipe(source(), loud, forward(udp(upstream.address))), ['quiet', 'please'], ['QUIET', 'PLEASE'])
  })

  it('in a branch of a route it sees what goes there, and nothing else', async () => {
    const seen: string[] = []
    const spy = filterDatagrams((batch) => { for (const datagram of batch) seen.push(datagram.bytes.toString()) })
    await withRelay(pipe(source(), route(when(prefix('in'), spy, echo()), otherwise(echo()))), {}, async (relay) => {
      const peer = await udpPeer(relay.address)
      for (const text of ['in it', 'out of it', 'in again']) assert.equal(await peer.ask(text), text)
      assert.deepEqual(seen, ['in it', 'in again'])
    })
  })

  it('sees what an echo sends back', async () => {
    const filter = filterDatagrams({ toDownstream: (batch) => { for (const datagram of batch) batch.replace(datagram, `echo of ${datagram.bytes.toString()}`) } })
    await withRelay(pipe(source(), filter, echo()), {}, async (relay) => {
      assert.equal(await (await udpPeer(relay.address)).ask('a call'), 'echo of a call')
    })
  })
})
