/** pitfalls 2: close(2) with unread input makes the kernel send RST, which destroys what the peer has not read yet. */
import assert from 'node:assert/strict'
import { close, discard, echo, forward, inspect, listen as from, pipe, reject, tcp, type Pipeline } from '../../lib/index.ts'
import { resetsDuring } from '../support/capture.ts'
import { runFlows, upstreamLane } from '../support/flows.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay, type TestRelay, type Thread } from '../support/relay.ts'
import { seed } from '../support/seeded.ts'

const large = Buffer.alloc(1 << 20, 'unread ')

/** The body must not make the relay send a single RST from its listener or to these ports. */
async function withoutReset(pipeline: Pipeline<'stream'>, thread: Thread, upstreamPorts: readonly number[], body: (relay: TestRelay) => Promise<void>): Promise<void> {
  await withRelay(pipeline, { thread }, async (relay) => {
    const port = Number(relay.address.split(':')[1])
    const lines = await resetsDuring([port, ...upstreamPorts], () => body(relay))
    assert.deepEqual(lines ?? [], [], 'no RST was captured')
  })
}

for (const thread of threads) {
  describe(`a clean end never becomes a reset, ${thread} thread`, () => {
    it('over 100 random flows', async () => {
      const upstream = await upstreamLane()
      const port = Number(upstream.address.split(':')[1])
      try {
        await withoutReset(pipe(from(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), thread, [port], async (relay) => {
          const lane = { connectTo: relay.address, upstream }
          const { mismatches } = await runFlows([lane], seed(), 0, 100, { usuallyBytes: 2 ** 17, mostBytes: 2 ** 20, largeShare: 0 })
          assert.deepEqual(mismatches, [])
          for (const { reason } of await relay.closes(100)) assert.equal(reason, 'finished')
        })
      } finally {
        await upstream.close()
      }
    })

    it('when the upstream ends and the downstream goes on sending', async () => {
      const listener = await listen()
      await withoutReset(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), thread, [listener.port], async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        await upstream.end('that is all')
        assert.equal((await downstream.readAll()).text, 'that is all')
        await downstream.end(large)
        assert.equal((await upstream.readAll()).bytes, large.length)
        await Promise.all([downstream.closed, upstream.closed])
      })
    })

    it('when the sink is `close` and the downstream has sent bytes that nobody reads', () => refusedCleanly(thread, pipe(from(tcp('127.0.0.1:0')), close())))

    it('when echo has sent everything back', async () => {
      await withoutReset(pipe(from(tcp('127.0.0.1:0')), echo()), thread, [], async (relay) => {
        const downstream = await connect(relay.address)
        await downstream.end(large)
        const { bytes, ending } = await downstream.readAll()
        assert.deepEqual({ bytes, ending }, { bytes: large.length, ending: 'fin' })
      })
    })
  })
}

async function refusedCleanly(thread: Thread, pipeline: Pipeline<'stream'>): Promise<void> {
  await withoutReset(pipeline, thread, [], async (relay) => {
    const downstream = await rawPeer(relay.address, { send: large.length, fin: true })
    const { bytes, ending, wrote, writeError } = await downstream.report()
    assert.deepEqual({ bytes, ending, wrote, writeError }, { bytes: 0, ending: 'fin', wrote: large.length, writeError: '' })
  })
}

describe('a refusal by a handler', () => {
  it('delivers its reply and a FIN to a downstream that goes on sending a megabyte', async () => {
    const pipeline = pipe(from(tcp('127.0.0.1:0')), inspect(() => reject('not today', 'go away\n')), discard())
    await withoutReset(pipeline, 'embedded', [], async (relay) => {
      const downstream = await rawPeer(relay.address, { send: large.length, fin: true })
      const { sha256: digest, ending, wrote } = await downstream.report()
      assert.deepEqual({ digest, ending, wrote }, { digest: sha256(Buffer.from('go away\n')), ending: 'fin', wrote: large.length })
      const { reason, message } = await relay.close()
      assert.deepEqual({ reason, message }, { reason: 'rejected', message: 'not today' })
    })
  })
})
