/** Time is the subject here. */
import assert from 'node:assert/strict'
import { forward, httpConnect, listen as from, maxDuration, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { silentListener } from '../support/silent-listener.ts'
import { pause } from '../support/until.ts'

const limitMs = 500

for (const thread of threads) {
  describe(`the longest duration, ${thread} thread`, () => {
    it('a session ends by it however busy it is, with a reset, so that it does not look complete', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), maxDuration(limitMs), forward(tcp(listener.address))), { thread, lingerMs: 100 }, async (relay) => {
        const downstream = await connect(relay.address)
        await listener.accept()
        const state = { over: false }
        const ended = relay.close().finally(() => { state.over = true })
        while (!state.over) {
          await downstream.send('busy\n').catch(() => undefined)
          await pause(20)
        }
        const { reason, durationMs } = await ended
        assert.equal(reason, 'maxDuration')
        assert.ok(durationMs >= limitMs && durationMs < limitMs + 2_000, `${durationMs} ms`)
      })
    })

    it('the client of a proxy is told so, and what it sends then meets no reset', async () => {
      const silent = await silentListener()
      try {
        await withRelay(pipe(from(tcp('127.0.0.1:0')), maxDuration(limitMs), httpConnect({ allow: ['127.0.0.0/8'], ports: ['1-65535'], connectTimeoutMs: 60_000 })), { thread, lingerMs: 60_000 }, async (relay) => {
          const client = await connect(relay.address)
          await client.send(`CONNECT ${silent.address} HTTP/1.1\r\n\r\n`)
          const { text, ending } = await client.readAll()
          assert.deepEqual([text.slice(0, 12), ending], ['HTTP/1.1 503', 'fin'])
          for (let i = 0; i < 5; i++) {
            await client.send('still talking')
            await pause(20)
          }
          await client.end()
          assert.equal((await relay.close()).reason, 'maxDuration')
        })
      } finally {
        await silent.close()
      }
    })

    it('also while its upstream is looked up', async () => {
      const never = () => new Promise<never>(() => undefined)
      await withRelay(pipe(from(tcp('127.0.0.1:0')), maxDuration(limitMs), forward(tcp('a.example:80'), { connectTimeoutMs: 60_000 })), { thread, resolver: never }, async (relay) => {
        const downstream = await connect(relay.address)
        assert.equal((await relay.close()).reason, 'maxDuration')
        assert.equal((await downstream.readAll()).ending, 'reset')
      })
    })
  })
}
