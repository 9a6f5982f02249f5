import assert from 'node:assert/strict'
import { not, stunBinding } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { threads } from '../support/relay.ts'
import { attributes, request } from '../support/stun.ts'

const question = request()

for (const thread of threads) {
  describe(`stunBinding, ${thread} thread`, () => {
    it('yes with a Binding request, however it is cut, and whatever follows', async () => {
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

    it('yes whatever attributes it has that anybody may answer, and not before they are there', async () => {
      const whole = request({ attributes: [[attributes.software, Buffer.from('any')], [0x7fff, Buffer.alloc(4)]], fingerprint: 'right' })
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [whole] }), 'yes')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [whole.subarray(0, 30), whole.subarray(30)] }), 'yes')
      for (const length of [20, 23, 30, whole.length - 1]) {
        assert.equal(await answerOf(stunBinding(), thread, { pieces: [whole.subarray(0, length)] }), 'more', `${length} bytes`)
        assert.equal(await answerOf(stunBinding(), thread, { pieces: [whole.subarray(0, length)], fin: true }), 'no', `${length} bytes and no more`)
      }
    })

    it('no for a check of ICE: with USERNAME, MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 it is for whoever knows the password', async () => {
      for (const type of [attributes.username, attributes.integrity, 0x001c]) {
        const check = request({ attributes: [[attributes.software, Buffer.from('any')], [type, Buffer.alloc(20)]], fingerprint: 'right' })
        assert.equal(await answerOf(stunBinding(), thread, { pieces: [check] }), 'no', String(type))
        assert.equal(await answerOf(stunBinding(), thread, { pieces: [check.subarray(0, 20 + 8 + 4)] }), 'no', `${type}, without its value`)
      }
    })

    it('no for what stun would not answer: a wrong FINGERPRINT, an attribute longer than the message, more than 2048 bytes', async () => {
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [request({ fingerprint: 'wrong' })] }), 'no')
      const cut = request({ attributes: [[attributes.software, Buffer.alloc(4)]] })
      cut.writeUInt16BE(5, 22)
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [cut] }), 'no')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [request({ length: 2_032 })] }), 'no')
    })

    it('more as long as it may become one, and no when nothing more comes', async () => {
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question.subarray(0, 19)] }), 'more')
      assert.equal(await answerOf(stunBinding(), thread, { pieces: [question.subarray(0, 19)], fin: true }), 'no')
      assert.equal(await answerOf(not(stunBinding()), thread, { pieces: [question.subarray(0, 19)], fin: true }), 'yes')
    })
  })
}
