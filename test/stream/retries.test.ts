import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const ipv4 = (address: string) => ({ address, ttl: 60 })

for (const thread of threads) {
  describe(`retries, ${thread} thread`, () => {
    it('when the first address refuses, the next one is tried, and early bytes go to it', async () => {
      const listener = await listen({ host: '127.0.0.3', port: await unusedPort() })
      const resolver = () => Promise.resolve(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map(ipv4))
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`three.test:${listener.port}`))), { thread, resolver }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end('anybody?')
        const upstream = await listener.accept()
        assert.equal((await upstream.readAll()).text, 'anybody?')
        await upstream.end('here')
        assert.equal((await downstream.readAll()).text, 'here')
        const { reason, upstream: where } = await relay.close()
        assert.deepEqual({ reason, where }, { reason: 'finished', where: listener.address })
      })
    })

    it('`retries: 0` means the first address alone', async () => {
      const listener = await listen({ host: '127.0.0.2', port: await unusedPort() })
      const resolver = () => Promise.resolve(['127.0.0.1', '127.0.0.2'].map(ipv4))
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`two.test:${listener.port}`), { retries: 0 })), { thread, resolver }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.readAll()
        assert.equal((await relay.close()).reason, 'connectRefused')
        assert.equal(listener.count(), 0)
      })
    })

    it('every address refused: the session ends as refused', async () => {
      const port = await unusedPort()
      const resolver = () => Promise.resolve(['127.0.0.1', '127.0.0.2'].map(ipv4))
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`two.test:${port}`), { retries: 5 })), { thread, resolver }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.readAll()
        assert.equal((await relay.close()).reason, 'connectRefused')
      })
    })

    it('sourceAddress is where the upstream sees us come from', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address), { sourceAddress: '127.0.0.9' })), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        assert.equal(upstream.socket.remoteAddress, '127.0.0.9')
        await downstream.end()
        await upstream.end()
      })
    })
  })
}
