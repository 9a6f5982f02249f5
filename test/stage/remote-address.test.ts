import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { echo, listen as from, otherwise, pipe, remoteAddress, reset, route, unix, when } from '../../lib/index.ts'
import { answerOf } from '../support/branch.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`remoteAddress, ${thread} thread`, () => {
    it('yes to who is in one of its networks, without a byte', async () => {
      for (const cidrs of [['127.0.0.1'], ['127.0.0.0/8'], ['10.0.0.0/8', '127.0.0.1/32'], ['0.0.0.0/0']]) {
        assert.equal(await answerOf(remoteAddress(...cidrs), thread), 'yes', cidrs.join(' '))
      }
    })

    it('no to everybody else', async () => {
      for (const cidrs of [['127.0.0.2'], ['10.0.0.0/8', '192.168.0.0/16'], ['::/0'], ['::ffff:0:0/112']]) {
        assert.equal(await answerOf(remoteAddress(...cidrs), thread), 'no', cidrs.join(' '))
      }
    })

    it('the boundary of a network is exact', async () => {
      for (const [from, answer] of [['127.0.0.7', 'no'], ['127.0.0.8', 'yes'], ['127.0.0.15', 'yes'], ['127.0.0.16', 'no']] as const) {
        assert.equal(await answerOf(remoteAddress('127.0.0.8/29'), thread, { localAddress: from }), answer, from)
      }
    })

    it('IPv6', async () => {
      assert.equal(await answerOf(remoteAddress('::1'), thread, { listenAt: '[::1]' }), 'yes')
      assert.equal(await answerOf(remoteAddress('::/127'), thread, { listenAt: '[::1]' }), 'yes')
      assert.equal(await answerOf(remoteAddress('::2/127', '127.0.0.0/8', '0.0.0.0/0'), thread, { listenAt: '[::1]' }), 'no')
    })

    it('a Unix peer is in no network', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-remote-'))
      const pipeline = pipe(from(unix(join(folder, 'down.sock'))), route(when(remoteAddress('0.0.0.0/0', '::/0'), reset()), otherwise(echo())))
      try {
        await withRelay(pipeline, { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          await downstream.end('through')
          assert.equal((await downstream.readAll()).text, 'through')
          assert.equal((await relay.close()).reason, 'finished')
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })
}
