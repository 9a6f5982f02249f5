import assert from 'node:assert/strict'
import { not, stunBinding } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { threads } from '../support/relay.ts'
import { request } from '../support/stun.ts'

const question = request()

for (const thread of threads) {
  describe(`stunBinding, ${thread} thread`, () => {
    it('yes with the header of a Binding request, however it is cut, and whatever follows', async () => {
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question] }), 'yes')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question.subarray(0, 3), question.subarray(3, 9), question.subarray(9), 'more'] }), 'yes')
    })

    it('no at the first byte that differs', async () => {
      assert.equal(await answerOf(stunBinding(), thread, { pieces: ['G'] }), 'no')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [Buffer.from([0, 1, 0, 3])] }), 'no')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [Buffer.from([0, 1, 0, 0, 0x21, 0x12, 0xa5])] }), 'no')
    })

    it('no for an indication and for another method', async () => {
      for (const type of [0x0011, 0x0003]) assert.equal(await answerOf(stunBinding(), thread, { pieces: [request({ type })] }), 'no')
    })

    it('more as long as it may become one, and no when nothing more comes', async () => {
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question.subarray(0, 19)] }), 'more')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question.subarray(0, 19)], fin: true }), 'no')
      assert.equal(await answerOf(not(stunBinding()), thread, { pieces: [question.subarray(0, 19)], fin: true }), 'yes')
    })
  })
}
