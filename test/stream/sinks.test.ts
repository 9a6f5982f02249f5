/** The sinks that need no upstream. */
import assert from 'node:assert/strict'
import { close, discard, echo, listen as from, pipe, reset, tcp } from '../../lib/index.ts'
import { connect, sha256 } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

const large = Buffer.alloc(5 << 20, 'there and back ')

for (const thread of threads) {
  describe(`sinks, ${thread} thread`, () => {
    it('echo gives back every byte, and its FIN after the last', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), echo()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end(large)
        const { sha256: digest, ending } = await downstream.readAll()
        assert.deepEqual({ digest, ending }, { digest: sha256(large), ending: 'fin' })
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    it('echo gives back every byte to a downstream that reads only when it has written', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), echo()), { thread }, async (relay) => {
        const downstream = await connect(relay.address, { paused: true })
        const sent = downstream.end(large.subarray(0, 1 << 20))
        downstream.resume()
        await sent
        assert.equal((await downstream.readAll()).sha256, sha256(large.subarray(0, 1 << 20)))
      })
    })

    it('discard reads everything, answers nothing, and ends when the downstream does', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), discard()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end(large)
        const { bytes, ending } = await downstream.readAll()
        assert.deepEqual({ bytes, ending }, { bytes: 0, ending: 'fin' })
        assert.equal((await relay.close()).reason, 'finished')
        const { toUpstream, toDownstream } = relay.server.ledger()
        assert.deepEqual([toUpstream.received, toUpstream.consumed, toDownstream.sent], [large.length, large.length, 0])
      })
    })

    it('close ends the session with a FIN', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), close()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const { bytes, ending } = await downstream.readAll()
        assert.deepEqual({ bytes, ending }, { bytes: 0, ending: 'fin' })
        await downstream.end()
        assert.equal((await relay.close()).reason, 'closedByPlan')
      })
    })

    it('reset ends the session with a reset', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), reset()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const { bytes, errno } = await downstream.readAll()
        assert.deepEqual({ bytes, errno }, { bytes: 0, errno: 'ECONNRESET' })
        assert.equal((await relay.close()).reason, 'resetByPlan')
      })
    })
  })
}
