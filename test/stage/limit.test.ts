import assert from 'node:assert/strict'
import { discard, echo, limit, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`limit, ${thread} thread`, () => {
    it('maxSessions: one more is closed as limited, and one gone makes room for the next', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), limit({ maxSessions: 2 }), echo()), { thread }, async (relay) => {
        const [first, second] = [await connect(relay.address), await connect(relay.address)]
        for (const peer of [first, second]) {
          await peer.send('in')
          assert.equal((await peer.read(2)).toString(), 'in')
        }
        const third = await connect(relay.address)
        assert.equal((await third.readAll()).bytes, 0)
        assert.equal((await relay.close()).reason, 'limited')
        await first.end()
        await first.readAll()
        await relay.closes(2)
        const fourth = await connect(relay.address)
        await fourth.send('in')
        assert.equal((await fourth.read(2)).toString(), 'in')
      })
    })

    it('maxSessionsPerAddress: one address at its limit is no matter to another', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), limit({ maxSessionsPerAddress: 1 }), echo()), { thread }, async (relay) => {
        const first = await connect(relay.address, { localAddress: '127.0.0.5' })
        await first.send('in')
        await first.read(2)
        const again = await connect(relay.address, { localAddress: '127.0.0.5' })
        assert.equal((await again.readAll()).bytes, 0)
        const other = await connect(relay.address, { localAddress: '127.0.0.6' })
        await other.send('in')
        assert.equal((await other.read(2)).toString(), 'in')
        assert.deepEqual((await relay.closes()).map(({ reason }) => reason), ['limited'])
      })
    })

    it('newSessionsPerSecond: a burst beyond the rate is limited, what is within it is not', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), limit({ newSessionsPerSecond: 5 }), discard()), { thread }, async (relay) => {
        for (let i = 0; i < 40; i++) {
          const peer = await connect(relay.address)
          await peer.end().catch(() => undefined)
          await peer.readAll()
        }
        const reasons = (await relay.closes(40)).map(({ reason }) => reason)
        const finished = reasons.filter((reason) => reason === 'finished').length
        assert.equal(reasons.filter((reason) => reason === 'limited').length, 40 - finished)
        assert.ok(finished >= 5 && finished < 40, `${finished} of 40 were let in`)
      })
    })

    it('counts each limit of a pipeline for itself', async () => {
      const pipelines = [1, 2].map(() => pipe(from(tcp('127.0.0.1:0')), limit({ maxSessions: 1 }), echo()))
      await withRelay(pipelines, { thread }, async (relay) => {
        for (const pipeline of [0, 1]) {
          const peer = await connect(relay.addressOf(pipeline))
          await peer.send('in')
          assert.equal((await peer.read(2)).toString(), 'in')
        }
      })
    })
  })
}
