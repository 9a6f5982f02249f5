import assert from 'node:assert/strict'
import { close, listen as from, not, otherwise, pipe, prefix, reset, route, silent, tcp, when } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { pause } from '../support/until.ts'

for (const thread of threads) {
  describe(`silent, ${thread} thread`, () => {
    afterEach(destroyPeers)

    it('no with the first byte, and with an end before it', async () => {
      assert.equal(await answerOf(silent({ afterMs: 2_500 }), thread, { pieces: ['x'] }), 'no')
      assert.equal(await answerOf(silent({ afterMs: 2_500 }), thread, { fin: true }), 'no')
      assert.equal(await answerOf(not(silent({ afterMs: 2_500 })), thread, { pieces: ['x'] }), 'yes')
    })

    it('the shortest time wins, and after it the head is not waited for any longer', async () => {
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(silent({ afterMs: 2_000 }), reset()), when(silent({ afterMs: 50 }), close()), otherwise(reset())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.readAll()
        await downstream.end()
        assert.equal((await relay.close()).reason, 'closedByPlan')
      })
    })

    it('a byte in time is waited on by the others until their own deadline', async () => {
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(silent({ afterMs: 1_000 }), reset()), when(prefix('GET '), close()), otherwise(reset())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('GE')
        await pause(1_500)
        await downstream.send('T ')
        await downstream.readAll()
        await downstream.end()
        assert.equal((await relay.close()).reason, 'closedByPlan')
      })
    })
  })
}
