/** pitfalls 4: a FIN goes on as a FIN, in every order, after the bytes before it, and the other direction lives on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { installed } from '../support/installed.ts'
import { connect, listen, type Listener, type Peer } from '../support/peers.ts'
import { threads, withRelay, type TestRelay, type Thread } from '../support/relay.ts'

type Ends = { readonly relay: TestRelay; readonly downstream: Peer; readonly upstream: Peer; readonly listener: Listener }

async function withSession(thread: Thread, body: (ends: Ends) => Promise<void>): Promise<void> {
  const listener = await listen()
  await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
    const downstream = await connect(relay.address)
    await body({ relay, downstream, upstream: await listener.accept(), listener })
  })
}

async function finished(relay: TestRelay, bytesToUpstream: number, bytesToDownstream: number): Promise<void> {
  const { reason, bytesToUpstream: up, bytesToDownstream: down } = await relay.close()
  assert.deepEqual({ reason, up, down }, { reason: 'finished', up: bytesToUpstream, down: bytesToDownstream })
}

for (const thread of threads) {
  describe(`half-close, ${thread} thread`, () => {
    it('when the downstream ends first, the upstream sees its FIN and can still answer', () => withSession(thread, async ({ relay, downstream, upstream }) => {
      await downstream.end('question')
      assert.equal((await upstream.readAll()).text, 'question')
      await upstream.end('answer')
      const { text, ending } = await downstream.readAll()
      assert.deepEqual({ text, ending }, { text: 'answer', ending: 'fin' })
      await finished(relay, 8, 6)
    }))

    it('when the upstream ends first, the downstream sees its FIN and can still send', () => withSession(thread, async ({ relay, downstream, upstream }) => {
      await upstream.end('greeting')
      const { text, ending } = await downstream.readAll()
      assert.deepEqual({ text, ending }, { text: 'greeting', ending: 'fin' })
      await downstream.end('thanks')
      assert.equal((await upstream.readAll()).text, 'thanks')
      await finished(relay, 6, 8)
    }))

    it('when both end at once, both get all bytes and a FIN', () => withSession(thread, async ({ relay, downstream, upstream }) => {
      const large = Buffer.alloc(300_000, 'both ways ')
      await Promise.all([downstream.end(large), upstream.end(large)])
      for (const peer of [downstream, upstream]) {
        const { bytes, ending } = await peer.readAll()
        assert.deepEqual({ bytes, ending }, { bytes: large.length, ending: 'fin' })
      }
      await finished(relay, large.length, large.length)
    }))

    it('a FIN with no bytes before it is passed on, whoever sends it first', async () => {
      for (const first of ['downstream', 'upstream'] as const) {
        await withSession(thread, async ({ relay, downstream, upstream }) => {
          const [one, other] = first === 'downstream' ? [downstream, upstream] : [upstream, downstream]
          await one.end()
          assert.deepEqual((await other.readAll()).ending, 'fin')
          await other.end()
          assert.deepEqual((await one.readAll()).ending, 'fin')
          await finished(relay, 0, 0)
        })
      }
    })

    it('a FIN that came before the upstream is connected follows the bytes to it', async () => {
      const listener = await listen()
      let found: () => void = () => undefined
      const asked = new Promise<void>((resume) => { found = resume })
      const pipeline = pipe(from(tcp('127.0.0.1:0')), forward(tcp(`late.test:${listener.port}`)))
      const resolver = async () => {
        await asked
        return [{ address: '127.0.0.1', ttl: 60 }]
      }
      await withRelay(pipeline, { thread, resolver }, async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end('early')
        assert.equal(listener.count(), 0, 'nothing is connected before the name is known')
        found()
        const upstream = await listener.accept()
        const { text, ending } = await upstream.readAll()
        assert.deepEqual({ text, ending }, { text: 'early', ending: 'fin' })
        await upstream.end('late')
        assert.equal((await downstream.readAll()).text, 'late')
        await finished(relay, 5, 4)
      })
    })

    it('the open direction goes on for megabytes after the other has ended', () => withSession(thread, async ({ relay, downstream, upstream }) => {
      await downstream.end('send me the file')
      assert.equal((await upstream.readAll()).ending, 'fin')
      const piece = Buffer.alloc(1 << 20, 'file')
      for (let i = 0; i < 8; i++) await upstream.send(piece)
      await upstream.end()
      assert.equal((await downstream.readAll()).bytes, 8 << 20)
      await finished(relay, 16, 8 << 20)
    }))

    it('`printf x | nc -N` gets its answer', async () => {
      if (!installed('nc')) return
      await withRelayAndNc(thread)
    })
  })
}

async function withRelayAndNc(thread: Thread): Promise<void> {
  const listener = await listen()
  await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
    const [host = '', port = ''] = relay.address.split(':')
    const nc = spawn('nc', ['-N', host, port], { stdio: ['pipe', 'pipe', 'inherit'] })
    nc.stdin.end('x')
    const upstream = await listener.accept()
    assert.equal((await upstream.readAll()).text, 'x')
    await upstream.end('seen x')
    const said = Buffer.concat(await nc.stdout.toArray()).toString()
    assert.equal(said, 'seen x')
    await finished(relay, 1, 6)
  })
}
