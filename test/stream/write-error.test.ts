/** pitfalls 3: a failed write must not discard what the other side still sends (libuv #2643). */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { acknowledged } from '../support/kernel.ts'
import { listen, sha256 } from '../support/peers.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay } from '../support/relay.ts'

const answer = Buffer.alloc(10 << 20, 'the whole answer ')
// What is left of the answer fits into the kernel's buffers, so that the upstream can be gone before the downstream reads on.
const pauseAt = answer.length - (256 << 10)

for (const thread of threads) {
  describe(`a failed write, ${thread} thread`, () => {
    it('a server that sends 10 MiB and closes is heard to the end by a client that keeps writing to it', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
        const client = await rawPeer(relay.address, { endless: true, pauseAt })
        const server = await listener.accept()
        await server.end(answer)
        await client.paused()
        await acknowledged(server)
        // It has never read a byte of what the client wrote: closing now resets the connection under the relay's next write.
        server.destroy()
        await server.closed
        client.resume()
        const { bytes, sha256: digest } = await client.report()
        assert.deepEqual({ bytes, digest }, { bytes: answer.length, digest: sha256(answer) })
        const { reason } = await relay.close()
        assert.ok(reason === 'resetByUpstream' || reason === 'finished', reason)
      })
    })
  })
}
