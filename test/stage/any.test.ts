import assert from 'node:assert/strict'
import { any, not, prefix, remoteAddress } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { threads } from '../support/relay.ts'

for (const thread of threads) {
  describe(`any, ${thread} thread`, () => {
    it('yes as soon as one says yes, whichever place it has', async () => {
      const matcher = any(prefix('GET '), prefix('POST '), prefix('PUT '))
      for (const text of ['GET /', 'POST /', 'PUT /']) assert.equal(await answerOf(matcher, thread, { pieces: [text] }), 'yes', text)
    })

    it('no when all say no', async () => {
      assert.equal(await answerOf(any(prefix('GET '), prefix('POST ')), thread, { pieces: ['DELETE /'] }), 'no')
    })

    it('more while one that could still say yes needs more bytes', async () => {
      const matcher = any(prefix('GET '), prefix('POST '))
      assert.equal(await answerOf(matcher, thread, { pieces: ['PO'] }), 'more')
      assert.equal(await answerOf(matcher, thread, { pieces: ['PO', 'ST '] }), 'yes')
      assert.equal(await answerOf(matcher, thread, { pieces: ['PO', 'X'] }), 'no')
    })

    it('one that says yes does not wait for one that needs more bytes', async () => {
      assert.equal(await answerOf(any(prefix('GET '), remoteAddress('127.0.0.0/8')), thread), 'yes')
      assert.equal(await answerOf(any(prefix('GET /index'), prefix('GE')), thread, { pieces: ['GET'] }), 'yes')
    })

    it('a FIN decides what was open', async () => {
      assert.equal(await answerOf(any(prefix('GET '), prefix('POST ')), thread, { pieces: ['PO'], fin: true }), 'no')
    })

    it('of one is that one, and they nest', async () => {
      assert.equal(await answerOf(any(prefix('a')), thread, { pieces: ['a'] }), 'yes')
      assert.equal(await answerOf(any(any(prefix('a')), not(any(prefix('b'), prefix('c')))), thread, { pieces: ['b'] }), 'no')
      assert.equal(await answerOf(any(any(prefix('a')), not(any(prefix('b'), prefix('c')))), thread, { pieces: ['d'] }), 'yes')
    })
  })
}
