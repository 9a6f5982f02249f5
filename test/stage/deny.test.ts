import assert from 'node:assert/strict'
import { deny, discard, forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`deny, ${thread} thread`, () => {
    it('closes who is in one of its CIDRs, with no byte taken and no upstream asked', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), deny('10.0.0.0/8', '127.0.0.1'), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('let me in').catch(() => undefined)
        assert.equal((await downstream.readAll()).bytes, 0)
        const { reason, bytesToUpstream, upstream } = await relay.close()
        assert.deepEqual({ reason, bytesToUpstream, upstream }, { reason: 'denied', bytesToUpstream: 0, upstream: undefined })
        assert.equal(listener.count(), 0)
      })
    })

    it('lets everybody else in', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), deny('10.0.0.0/8', '127.0.0.2', '::/0'), discard()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end()
        await downstream.readAll()
        assert.equal((await relay.close()).reason, 'finished')
      })
    })
  })
}
