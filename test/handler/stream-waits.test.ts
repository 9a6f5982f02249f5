/** A `stream` that waits for its client, or has ended before the client's head has come through. */
import assert from 'node:assert/strict'
import { halfCloseTimeout, inspect, listen as from, pipe, replace, stream, tcp } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

describe('a stream', () => {
  it('that is paused until it drains is told so when its client is reset, and ends', async () => {
    let waits = false
    let drained = 0
    const block = Buffer.alloc(1 << 16)
    const sink = stream({
      data(session) {
        while (!session.write(block));
        session.pause()
        waits = true
      },
      drain(session) {
        drained++
        session.resume()
      },
    })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(60_000), sink), {}, async (relay) => {
      const client = await connect(relay.address, { paused: true })
      await client.send('x')
      await until(() => waits && relay.server.ledger().toDownstream.pending > 0, 'the stream to wait')
      client.reset()
      assert.equal((await relay.close()).reason, 'resetByDownstream')
      assert.equal(drained, 1)
    })
  })

  it('that ends while a head of many pieces is on its way to it: the client reads the end', async () => {
    let got = 0
    const sink = stream({ open: (session) => { session.end('bye') }, data: (_session, chunk) => { got += chunk.length } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), halfCloseTimeout(60_000), inspect(() => replace(1, Buffer.alloc(16 << 20))), sink), {}, async (relay) => {
      const client = await connect(relay.address)
      await client.send('x')
      const { text, ending } = await client.readAll()
      assert.deepEqual([text, ending], ['bye', 'fin'])
      await client.end()
      await relay.close()
      assert.equal(got, 16 << 20)
    })
  })
})
