import assert from 'node:assert/strict'
import { not, prefix, remoteAddress } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { threads } from '../support/relay.ts'

for (const thread of threads) {
  describe(`not, ${thread} thread`, () => {
    it('yes where the matcher says no, at the first byte that differs', async () => {
      assert.equal(await answerOf(not(prefix('QUIT')), thread, { pieces: ['QUA'] }), 'yes')
    })

    it('no where the matcher says yes', async () => {
      assert.equal(await answerOf(not(prefix('QUIT')), thread, { pieces: ['QUIT'] }), 'no')
    })

    it('more where the matcher needs more bytes', async () => {
      assert.equal(await answerOf(not(prefix('QUIT')), thread), 'more')
      assert.equal(await answerOf(not(prefix('QUIT')), thread, { pieces: ['QUI'] }), 'more')
    })

    it('yes when a FIN comes before the matcher could say yes', async () => {
      assert.equal(await answerOf(not(prefix('QUIT')), thread, { pieces: ['QUI'], fin: true }), 'yes')
      assert.equal(await answerOf(not(prefix('QUIT')), thread, { fin: true }), 'yes')
    })

    it('needs no byte where its matcher needs none', async () => {
      assert.equal(await answerOf(not(remoteAddress('127.0.0.0/8')), thread), 'no')
      assert.equal(await answerOf(not(remoteAddress('10.0.0.0/8')), thread), 'yes')
    })

    it('twice is the matcher itself', async () => {
      for (const [text, answer] of [['QUIT', 'yes'], ['QUICK', 'no'], ['QU', 'more']] as const) {
        assert.equal(await answerOf(not(not(prefix('QUIT'))), thread, { pieces: [text] }), answer, text)
      }
    })
  })
}
