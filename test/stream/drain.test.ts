import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { rejected } from '../plan/refused.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`closing the server, ${thread} thread`, () => {
    it('refuses new sessions at once and lets the open ones finish', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        const closing = relay.server.close({ drainMs: 20_000 })
        await assert.rejects(() => connectUntilRefused(relay.address), { code: 'ECONNREFUSED' })
        await downstream.end('last words')
        assert.equal((await upstream.readAll()).text, 'last words')
        await upstream.end('and an answer')
        assert.equal((await downstream.readAll()).text, 'and an answer')
        await closing
        const first = (await relay.closes()).find(({ bytesToUpstream }) => bytesToUpstream > 0)
        assert.equal(first?.reason, 'finished')
      })
    })

    it('ends what is left when the time is over', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        await relay.server.close({ drainMs: 200 })
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'serverClosed')
        assert.ok(durationMs >= 200, `${durationMs} ms`)
        assert.deepEqual([(await downstream.readAll()).ending, (await upstream.readAll()).ending], ['reset', 'reset'])
      })
    })

    it('a second close with less time ends a long drain', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await listener.accept()
        const patient = relay.server.close({ drainMs: 600_000 })
        await relay.server.close({ drainMs: 0 })
        await patient
        await relay.server.closed
        assert.equal((await relay.close()).reason, 'serverClosed')
        assert.equal((await downstream.readAll()).ending, 'reset')
      })
    })

    it('refuses a time that is none, and says that 0 is at once', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, (relay) =>
        rejected(relay.server.close({ drainMs: -1 }), 'ERR_MILLRACE_BAD_OPTION', 'close: drainMs must be an integer from 0 to 2147483647 ms (0: at once), not -1'))
    })

    it('with no session open is over at once', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        await relay.server.close({ drainMs: 600_000 })
        await relay.server.closed
      })
    })
  })
}

/** The listener closes a moment after `close` was called; whoever is accepted until then is closed without harm. */
async function connectUntilRefused(address: string): Promise<never> {
  for (;;) (await connect(address)).reset()
}
