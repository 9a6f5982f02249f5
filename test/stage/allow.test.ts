import assert from 'node:assert/strict'
import { allow, discard, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay, type Thread } from '../support/relay.ts'

async function reasonFor(thread: Thread, listenAt: string, cidrs: readonly string[], connectTo = listenAt): Promise<string> {
  let reason = ''
  await withRelay(pipe(from(tcp(`${listenAt}:0`)), allow(...cidrs), discard()), { thread }, async (relay) => {
    const downstream = await connect(`${connectTo}:${relay.address.split(':').at(-1) ?? ''}`)
    await downstream.end().catch(() => undefined)
    await downstream.readAll()
    reason = (await relay.close()).reason
  })
  return reason
}

for (const thread of threads) {
  describe(`allow, ${thread} thread`, () => {
    it('lets in who is in one of its CIDRs', async () => {
      assert.equal(await reasonFor(thread, '127.0.0.1', ['10.0.0.0/8', '127.0.0.0/8']), 'finished')
      assert.equal(await reasonFor(thread, '[::1]', ['::1/128']), 'finished')
      assert.equal(await reasonFor(thread, '[::1]', ['::/127']), 'finished')
      assert.equal(await reasonFor(thread, '127.0.0.1', ['0.0.0.0/0']), 'finished')
      assert.equal(await reasonFor(thread, '127.0.0.1', ['127.0.0.1']), 'finished')
    })

    it('denies who is in none of them', async () => {
      assert.equal(await reasonFor(thread, '127.0.0.1', ['10.0.0.0/8', '127.0.0.2/32']), 'denied')
      assert.equal(await reasonFor(thread, '[::1]', ['fe80::/10', '127.0.0.0/8']), 'denied')
    })

    it('two in a row must both let in', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), allow('127.0.0.0/8'), allow('127.0.0.2/32'), discard()), { thread }, async (relay) => {
        await (await connect(relay.address)).readAll()
        assert.equal((await relay.close()).reason, 'denied')
      })
    })
  })
}
