import assert from 'node:assert/strict'
import { close, deny, echo, forward, listen as from, otherwise, pipe, prefix, remoteAddress, reset, route, tcp, when } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'

for (const thread of threads) {
  describe(`route, ${thread} thread`, () => {
    it('the first branch that says yes has the session, also where a later one would', async () => {
      const [first, second] = [await listen(), await listen()]
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(prefix('G'), forward(tcp(first.address))), when(prefix('GET'), forward(tcp(second.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('GET')
        assert.equal((await (await first.accept()).read(3)).toString(), 'GET')
        assert.equal(second.count(), 0)
      })
    })

    it('a matcher that needs more bytes holds up those after it', async () => {
      const [long, any] = [await listen(), await listen()]
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(prefix('GET /long'), forward(tcp(long.address))), when(remoteAddress('127.0.0.0/8'), forward(tcp(any.address)))))
      await withRelay(pipeline, { thread }, async (relay) => {
        const [one, other] = [await connect(relay.address), await connect(relay.address)]
        await Promise.all([one.send('GET /'), other.send('GET /')])
        await one.send('long')
        await other.send('short')
        assert.equal((await (await long.accept()).read(9)).toString(), 'GET /long')
        assert.equal((await (await any.accept()).read(10)).toString(), 'GET /short')
      })
    })

    it('without otherwise the rest is closed', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), route(when(prefix('GET '), echo()))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('PUT ')
        const { bytes, ending } = await downstream.readAll()
        assert.deepEqual({ bytes, ending }, { bytes: 0, ending: 'fin' })
        await downstream.end()
        assert.equal((await relay.close()).reason, 'closedByPlan')
      })
    })

    it('a branch has stages of its own, and another route at its end', async () => {
      const inner = route(when(prefix('HELLO again'), echo()), otherwise(reset()))
      const pipeline = pipe(from(tcp('127.0.0.1:0')), route(when(prefix('HELLO'), deny('127.0.0.2'), inner), otherwise(close())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const told = async (text: string, localAddress?: string): Promise<string> => {
          const downstream = await connect(relay.address, localAddress === undefined ? {} : { localAddress })
          await downstream.end(text).catch(() => undefined)
          return (await downstream.readAll()).text
        }
        assert.equal(await told('HELLO again'), 'HELLO again')
        assert.equal(await told('HELLO once'), '')
        assert.equal(await told('HELLO again', '127.0.0.2'), '')
        assert.equal(await told('GOODBYE'), '')
        assert.deepEqual((await relay.closes(4)).map(({ reason }) => reason), ['finished', 'resetByPlan', 'denied', 'closedByPlan'])
      })
    })

    // time is the subject
    it('a head that does not come is not waited for any longer than 3 s', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), route(when(prefix('GET '), echo()))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('G')
        await downstream.readAll()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'headTimeout')
        assert.ok(durationMs >= 3_000 && durationMs < 5_000, `${durationMs} ms`)
      })
    })
  })
}
