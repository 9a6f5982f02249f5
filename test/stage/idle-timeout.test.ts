/** What does and does not count as life; test/stream/one-way-idle.test.ts has one direction against the other. Time is the subject here. */
import assert from 'node:assert/strict'
import { discard, echo, forward, idleTimeout, listen as from, otherwise, pipe, prefix, route, stream, tcp, throttle, transform, when } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { pause, stall, until } from '../support/until.ts'

const timeoutMs = 400

for (const thread of threads) {
  describe(`idleTimeout, ${thread} thread`, () => {
    it('ends a silent session with a FIN to both sides, not before its time', async () => {
      const listener = await listen()
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), forward(tcp(listener.address))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        assert.deepEqual([(await downstream.readAll()).ending, (await upstream.readAll()).ending], ['fin', 'fin'])
        await Promise.all([downstream.end(), upstream.end()])
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'idleTimeout')
        assert.ok(durationMs >= timeoutMs && durationMs < timeoutMs + 2_000, `${durationMs} ms`)
      })
    })

    it('0 is never', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(100), idleTimeout(0), echo()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await pause(timeoutMs)
        await downstream.end('still here')
        assert.equal((await downstream.readAll()).text, 'still here')
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    it('a throttle that lets a byte through now and then keeps the session alive until the last one', async () => {
      const text = 'x'.repeat(20)
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), throttle({ bytesPerSecond: 20, burstBytes: 1, direction: 'toDownstream' }), echo()), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end(text)
        assert.equal((await downstream.readAll()).text, text)
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'finished')
        assert.ok(durationMs > 2 * timeoutMs, `${durationMs} ms`)
      })
    })

    it('each branch has its own', async () => {
      const pipeline = pipe(from(tcp('127.0.0.1:0')), idleTimeout(60_000), route(when(prefix('short'), idleTimeout(timeoutMs), echo()), otherwise(echo())))
      await withRelay(pipeline, { thread }, async (relay) => {
        const [short, long] = [await connect(relay.address), await connect(relay.address)]
        await Promise.all([short.send('short'), long.send('long one')])
        await short.end((await short.readAll()).text)
        assert.equal((await relay.close()).reason, 'idleTimeout')
        await long.end()
        assert.equal((await long.readAll()).text, 'long one')
        assert.deepEqual((await relay.closes(2)).map(({ reason }) => reason), ['idleTimeout', 'finished'])
      })
    })
  })
}

describe('idleTimeout and handlers', () => {
  it('what a throttle has kept waiting is read before it is idle', async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), throttle({ bytesPerSecond: 10_000, burstBytes: 1_000 }), idleTimeout(600), discard()), { thread: 'embedded' }, async (relay) => {
      const client = await connect(relay.address)
      await client.send(Buffer.alloc(4_000))
      await until(() => relay.server.ledger().toUpstream.received >= 1_000, 'the first of it')
      stall(1_200)
      await until(() => relay.server.ledger().toUpstream.received === 4_000, 'the rest')
    })
  })

  it('bytes that a transform drops are life: somebody has sent them', async () => {
    const listener = await listen()
    const pipeline = pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), transform({ toUpstream: () => null }), forward(tcp(listener.address)))
    await withRelay(pipeline, {}, async (relay) => {
      const downstream = await connect(relay.address)
      const upstream = await listener.accept()
      for (let i = 0; i < 10; i++) {
        await downstream.send('not for anybody')
        await pause(timeoutMs / 4)
      }
      assert.equal(relay.server.ledger().sessions.open, 1, 'it lives after two and a half timeouts')
      await Promise.all([downstream.end(), upstream.end()])
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('a JS writer to a client that never says a word outlives it', async () => {
    const timers = new Set<NodeJS.Timeout>()
    const sink = stream({
      open(session) {
        timers.add(setInterval(() => { session.write('tick\n') }, timeoutMs / 8))
      },
      data: () => undefined,
    })
    try {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), idleTimeout(timeoutMs), sink), {}, async (relay) => {
        const downstream = await connect(relay.address)
        await pause(timeoutMs * 3)
        assert.equal(relay.server.ledger().sessions.open, 1, 'it lives after three timeouts')
        assert.ok(downstream.bytesRead() >= 5 * 5, `${downstream.bytesRead()} bytes read`)
        for (const timer of timers) clearInterval(timer)
        assert.equal((await downstream.readAll()).ending, 'fin')
        await downstream.end()
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'idleTimeout')
        assert.ok(durationMs >= timeoutMs * 3.7, `${durationMs} ms: the last tick put it off`)
      })
    } finally {
      for (const timer of timers) clearInterval(timer)
    }
  })
})
