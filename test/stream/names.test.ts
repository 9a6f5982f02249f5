/** pitfalls 23: a name that does not resolve delays its own sessions and nothing else. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const loopback = [{ address: '127.0.0.1', ttl: 60 }]

for (const thread of threads) {
  describe(`names, ${thread} thread`, () => {
    it('a name that is not resolved yet delays only its own sessions', async () => {
      const listener = await listen()
      let answer: () => void = () => undefined
      const known = new Promise<void>((resume) => { answer = resume })
      const resolver = async (name: string) => {
        if (name === 'slow.test') await known
        return loopback
      }
      const pipelines = ['slow.test', 'quick.test', '127.0.0.1'].map((name) => pipe(from(tcp('127.0.0.1:0')), forward(tcp(`${name}:${listener.port}`))))
      await withRelay(pipelines, { thread, resolver }, async (relay) => {
        const slow = await connect(relay.addressOf(0))
        await slow.end('slow')
        for (const [pipeline, text] of [[1, 'quick'], [2, 'literal']] as const) {
          const downstream = await connect(relay.addressOf(pipeline))
          await downstream.end(text)
          const upstream = await listener.accept()
          assert.equal((await upstream.readAll()).text, text)
          await upstream.end()
          await downstream.readAll()
        }
        answer()
        const upstream = await listener.accept()
        assert.equal((await upstream.readAll()).text, 'slow')
        await upstream.end()
        await slow.readAll()
        for (const { reason } of await relay.closes(3)) assert.equal(reason, 'finished')
      })
    })

    it('a name that never resolves ends its sessions as nameUnresolved within the connect timeout', async () => {
      const resolver = () => Promise.reject(new Error('no such name'))
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp('nowhere.test:80'), { connectTimeoutMs: 300 })), { thread, resolver }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.readAll()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'nameUnresolved')
        assert.ok(durationMs < 3_000, `${durationMs} ms`)
      })
    })

    it('an address that changed is used for new sessions once its time to live is over', async () => {
      const before = await listen({ port: await unusedPort(), onPeer: (peer) => { void peer.end() } })
      const after = await listen({ host: '127.0.0.2', port: before.port, onPeer: (peer) => { void peer.end() } })
      let asked = 0
      const resolver = () => Promise.resolve([++asked > 1 ? { address: '127.0.0.2', ttl: 60 } : { address: '127.0.0.1', ttl: 1 }])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`moving.test:${before.port}`))), { thread, resolver }, async (relay) => {
        const ends = performance.now() + 10_000
        for (let sessions = 0; after.count() === 0; sessions++) {
          assert.ok(performance.now() < ends, `the old address is still used after ${sessions} sessions`)
          const downstream = await connect(relay.address)
          await downstream.end()
          await downstream.readAll()
        }
        assert.ok(before.count() > 0)
        assert.equal(asked, 2)
      })
    })
  })
}
