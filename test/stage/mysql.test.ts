import assert from 'node:assert/strict'
import { any, close, forward, listen as from, mysql, otherwise, pipe, prefix, reset, route, tcp, tls, when } from '../../lib/index.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`mysql, ${thread} thread`, () => {
    afterEach(destroyPeers)

    it('yes after its time, before who waits for bytes, and the server speaks first', async () => {
      const upstream = await listen()
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(tls(), close()), when(any(prefix('GET'), mysql({ afterMs: 100 })), forward(tcp(upstream.address))), otherwise(reset())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const began = performance.now()
        const downstream = await connect(relay.address)
        const server = await upstream.accept()
        assert.ok(performance.now() - began >= 99)
        await server.end('greeting')
        assert.equal((await downstream.readAll()).text, 'greeting')
        await downstream.end()
        assert.equal((await relay.close()).reason, 'finished')
      })
    })
  })
}
