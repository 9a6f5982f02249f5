/** pitfalls 3: a failed write must not discard what the other side still sends (libuv #2643). */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { acknowledged } from '../support/kernel.ts'
import { listen, sha256 } from '../support/peers.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay } from '../support/relay.ts'
import { stalled } from '../support/stalled.ts'

const answer = Buffer.alloc(10 << 20, 'the whole answer ')
const piece = Buffer.alloc(16 << 10, 'and then some ')

for (const thread of threads) {
  describe(`a failed write, ${thread} thread`, () => {
    it('a server that sends 10 MiB and closes is heard to the end by a client that keeps writing to it', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const client = await rawPeer(relay.address, { endless: true, pauseAt: [answer.length], receiveBuffer: 256 << 10 })
        const server = await listener.accept()
        await server.send(answer)
        await client.paused()
        // Now the relay is filled until it stops reading; what comes then waits in its kernel, acknowledged and not yet taken.
        const sent = [answer]
        const pending = (): number => relay.server.ledger().toDownstream.pending
        while (pending() === 0) {
          await server.send(piece)
          sent.push(piece)
          await turn()
        }
        await stalled(relay)
        await server.send(piece)
        await acknowledged(server)
        sent.push(piece)
        // It has never read a byte of what the client wrote: closing now resets the connection under the relay's next write.
        server.destroy()
        await server.closed
        client.resume()
        const { bytes, sha256: digest } = await client.report()
        const all = Buffer.concat(sent)
        assert.deepEqual({ bytes, digest }, { bytes: all.length, digest: sha256(all) })
        assert.equal((await relay.close()).reason, 'resetByUpstream')
        assert.equal(relay.server.ledger().toDownstream.dropped, 0)
      })
    })
  })
}
