/** Chunks that a `transform` has are spoken for: there is room for all of them when it hands them back. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, transform } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { pour } from '../support/pour.ts'
import { withRelay } from '../support/relay.ts'
import { stalled } from '../support/stalled.ts'

describe('a transform and little memory', () => {
  it('24 streams to readers that stand still wait, and none is ended', async () => {
    const upstream = await listen()
    await withRelay(pipe(from(tcp('127.0.0.1:0')), transform({ toUpstream: (chunk) => chunk }), forward(tcp(upstream.address))), { maxPendingBytes: 1 << 20, maxPipeBytes: 0 }, async (relay) => {
      const clients = []
      for (let i = 0; i < 24; i++) {
        clients.push(await connect(relay.address))
        const there = await upstream.accept()
        there.pause()
      }
      for (const client of clients) pour(client.socket)
      await stalled(relay)
      const { sessions, toUpstream } = relay.server.ledger()
      assert.deepEqual([sessions.open, toUpstream.dropped], [24, 0])
    })
  })
})
