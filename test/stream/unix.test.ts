import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decide, forward, inspect, listen as from, more, pass, pipe, tcp, unix, type Endpoint } from '../../lib/index.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { pause, until } from '../support/until.ts'

const large = Buffer.alloc(3 << 20, 'through a Unix socket ')

for (const thread of threads) {
  describe(`Unix stream sockets, ${thread} thread`, () => {
    let folder = ''
    beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'millrace-unix-')) })
    afterEach(() => { rmSync(folder, { recursive: true }) })

    for (const [downstreamNet, upstreamNet] of [['unix', 'unix'], ['unix', 'tcp'], ['tcp', 'unix']] as const) {
      it(`carry ${downstreamNet} to ${upstreamNet}, half-close and all`, async () => {
        const listener = await listen(upstreamNet === 'unix' ? { path: join(folder, 'up.sock') } : {})
        const at: Endpoint<'stream'> = downstreamNet === 'unix' ? unix(join(folder, 'down.sock')) : tcp('127.0.0.1:0')
        const to: Endpoint<'stream'> = upstreamNet === 'unix' ? unix(join(folder, 'up.sock')) : tcp(listener.address)
        await withRelay(pipe(from(at), forward(to)), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          await downstream.end(large)
          const upstream = await listener.accept()
          assert.equal((await upstream.readAll()).sha256, sha256(large))
          await upstream.end(large)
          assert.equal((await downstream.readAll()).sha256, sha256(large))
          const { reason, downstream: who } = await relay.close()
          assert.equal(reason, 'finished')
          assert.match(who, downstreamNet === 'unix' ? /^unix:/ : /^127\.0\.0\.1:\d+$/)
        })
      })
    }

    it('carry no reset: their peer reads a clean end, and the reason tells', async () => {
      const listener = await listen({ path: join(folder, 'up.sock') })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(unix(join(folder, 'up.sock')))), { thread }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.send('cut off')
        const upstream = await listener.accept()
        assert.equal(String(await upstream.read(7)), 'cut off')
        downstream.reset()
        const { ending, text } = await upstream.readAll()
        assert.deepEqual({ ending, text }, { ending: 'fin', text: 'cut off' })
        assert.equal((await relay.close()).reason, 'resetByDownstream')
      })
    })

    it('are read to their end by whoever asks next, also where the client has closed while a verdict was due', async () => {
      const path = join(folder, 'closes.sock')
      const listener = await listen()
      let verdict: () => void = () => undefined
      const due = new Promise<void>((resolve) => { verdict = resolve })
      const whole = inspect({ minBytes: 1, timeoutMs: 10_000 }, (head) => (head.length < 6 ? more() : pass()))
      const pipeline = pipe(from(unix(path)), decide(async () => { await due; return pass() }), whole, forward(tcp(listener.address)))
      await withRelay(pipeline, {}, async (relay) => {
        const client = await connect(relay.address)
        await client.send('abc')
        await until(() => relay.server.ledger().sessions.open === 1, 'the session')
        await client.send('def')
        client.destroy()
        await pause(50) // in which the loop hears of it
        verdict()
        const upstream = await listener.accept()
        assert.equal((await upstream.readAll()).text, 'abcdef')
        await upstream.end()
        await relay.close()
      })
    })

    it('leave no file behind when the server has closed', async () => {
      const path = join(folder, 'gone.sock')
      const listener = await listen()
      await withRelay(pipe(from(unix(path)), forward(tcp(listener.address))), { thread }, async () => {
        assert.equal(existsSync(path), true)
        await Promise.resolve()
      })
      assert.equal(existsSync(path), false)
    })
  })
}
