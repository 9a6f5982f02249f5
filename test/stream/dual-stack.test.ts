import assert from 'node:assert/strict'
import { allow, discard, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`a dual-stack listener, ${thread} thread`, () => {
    it('shows an IPv4 peer as IPv4, never as ::ffff:, and an IPv6 peer as IPv6', async () => {
      await withRelay(pipe(from(tcp('[::]:0'), { dualStack: true }), discard()), { thread }, async (relay) => {
        const port = relay.address.split(':').at(-1) ?? ''
        for (const [before, [host, shown]] of ([['127.0.0.1', /^127\.0\.0\.1:\d+$/], ['[::1]', /^\[::1\]:\d+$/]] as const).entries()) {
          const downstream = await connect(`${host}:${port}`)
          await relay.opens(before + 1)
          const session = (await relay.server.sessions()).at(-1)
          assert.match(session?.downstream ?? 'no session', shown)
          await downstream.end()
          await downstream.readAll()
        }
        const closes = await relay.closes(2)
        assert.match(closes[0]?.downstream ?? '', /^127\.0\.0\.1:\d+$/)
        assert.match(closes[1]?.downstream ?? '', /^\[::1\]:\d+$/)
      })
    })

    it('matches an IPv4 peer against IPv4 CIDRs', async () => {
      await withRelay(pipe(from(tcp('[::]:0'), { dualStack: true }), allow('127.0.0.0/8'), discard()), { thread }, async (relay) => {
        const port = relay.address.split(':').at(-1) ?? ''
        for (const host of ['127.0.0.1', '[::1]']) {
          const downstream = await connect(`${host}:${port}`)
          await downstream.end()
          await downstream.readAll()
        }
        assert.deepEqual((await relay.closes(2)).map(({ reason }) => reason), ['finished', 'denied'])
      })
    })
  })
}
