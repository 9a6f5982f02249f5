/** A session that was told to close: how long it waits, and for whom. Time is the subject here. */
import assert from 'node:assert/strict'
import { decide, discard, forward, halfCloseTimeout, listen as from, maxDuration, pipe, reject, tcp } from '../../lib/index.ts'
import type { CloseReason, Stage } from '../../lib/index.ts'
import { listen } from '../support/peers.ts'
import { killRawPeers, rawPeer } from '../support/raw-peer.ts'
import type { RawPeer } from '../support/raw-peer.ts'
import { threads, withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { stalled } from '../support/stalled.ts'
import { pause, until } from '../support/until.ts'

const lingerMs = 200

for (const thread of threads) {
  describe(`a session that was told to close, ${thread} thread`, () => {
    /** With a client that has not begun to read, and more for it in the relay than its socket can take: less would be gone at the close. */
    const closed = async (stage: Stage<'stream'>, body: (relay: TestRelay, client: RawPeer, ended: () => Promise<CloseReason>) => Promise<void>): Promise<void> => {
      const upstream = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0'), { sendBufferBytes: 65_536 }), stage, forward(tcp(upstream.address))), { thread, lingerMs }, async (relay) => {
        for (let before = 0; ; before++) {
          const client = await rawPeer(relay.address, { pauseAt: [0], receiveBuffer: 65_536 })
          const there = await upstream.accept()
          there.socket.write(Buffer.alloc(4 << 20))
          await stalled(relay)
          const ended = async (): Promise<CloseReason> => (await relay.closes(before + 1))[before]?.reason ?? 'finished'
          if (relay.server.ledger().toDownstream.pending > 131_072) {
            const [session] = await relay.server.sessions()
            assert(session)
            relay.server.endSession(session.id, 'close')
            return body(relay, client, ended)
          }
          killRawPeers()
          await ended()
        }
      })
    }

    it('waits no longer than lingerMs for the others when the one that took nothing is dead', async () => {
      await closed(halfCloseTimeout(60_000), async (relay, _client, ended) => {
        await pause(3 * lingerMs)
        assert.equal(relay.server.ledger().sessions.open, 1, 'it waits for the client')
        killRawPeers() // with bytes unread: a reset
        assert.equal(await ended(), 'closedByHandler')
      })
    })

    it('ends by maxDuration all the same', async () => {
      await closed(maxDuration(4_000), async (_relay, _client, ended) => {
        assert.equal(await ended(), 'maxDuration')
      })
    })

    it('waits for a client that takes its time where the half-close timeout is never', async () => {
      await closed(halfCloseTimeout(0), async (relay, client, ended) => {
        await pause(4 * lingerMs)
        assert.equal(relay.server.ledger().sessions.open, 1)
        client.resume()
        assert.equal((await client.report()).ending, 'fin')
        assert.equal(await ended(), 'closedByHandler')
      })
    })

    it('the answer with which it was rejected reaches a client that takes its time', async () => {
      const answer = Buffer.alloc(8 << 20, 'no. ')
      await withRelay(pipe(from(tcp('127.0.0.1:0')), decide(() => reject(undefined, answer)), discard()), { thread: 'embedded', lingerMs }, async (relay) => {
        const client = await rawPeer(relay.address, { pauseAt: [0], receiveBuffer: 65_536 })
        await until(() => relay.server.ledger().toDownstream.pending > 0, 'the answer to wait')
        await pause(4 * lingerMs)
        client.resume()
        const { bytes, ending } = await client.report()
        assert.deepEqual([bytes, ending], [answer.length, 'fin'])
        assert.equal((await relay.close()).reason, 'rejected')
      })
    })
  })
}
