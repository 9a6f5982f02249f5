/** Sessions that meet a dead address at the same moment must not talk each other out of the living one. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

const [sessions, atOnce, together] = [2_000, 200, 10]

for (const thread of threads) {
  describe(`a burst to a name whose first address refuses, ${thread} thread`, () => {
    it('2,000 sessions in groups of 10: with `retries: 1` every one is answered by the second address', async () => {
      const listener = await listen({ host: '127.0.0.3', port: await unusedPort(), onPeer: (peer) => { void peer.read(1).then((bytes) => peer.end(bytes)).catch(() => undefined) } })
      const resolver = () => Promise.resolve(['127.0.0.1', '127.0.0.3'].map((address) => ({ address, ttl: 60 })))
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`two.test:${listener.port}`), { retries: 1 })), { thread, resolver }, async (relay) => {
        const one = async (): Promise<string> => {
          const downstream = await connect(relay.address)
          await downstream.end('?').catch(() => undefined)
          const { text, ending } = await downstream.readAll()
          return `${text} ${ending}`
        }
        const answers: string[] = []
        for (let done = 0; done < sessions; done += atOnce) {
          const begun: Promise<string>[] = []
          while (begun.length < atOnce) {
            for (let i = 0; i < together; i++) begun.push(one())
            await turn()
          }
          answers.push(...await Promise.all(begun))
        }
        assert.deepEqual([...new Set(answers)], ['? fin'])
        await relay.closes(sessions)
        assert.equal(relay.server.ledger().reasons.finished, sessions)
        assert.equal(listener.count(), sessions)
      })
    })
  })
}
