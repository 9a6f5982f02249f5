import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { forward, highWater, listen as from, pipe, stream, tcp } from '../../lib/index.ts'
import { connect, listen, sha256 } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const contents = Buffer.alloc(24 << 20)
for (let at = 0; at < contents.length; at += 4) contents.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

for (const thread of threads) {
  describe(`highWater, ${thread} thread`, () => {
    for (const direction of ['toUpstream', 'toDownstream'] as const) {
      for (const mark of [4_096, 65_536]) {
        it(`${mark} bytes: no more wait ${direction} for a reader that stalls, and all arrive when it reads`, async () => {
          const listener = await listen({ paused: true })
          await withRelay(pipe(from(tcp('127.0.0.1:0')), highWater(mark), forward(tcp(listener.address))), { thread }, async (relay) => {
            const downstream = await connect(relay.address, { paused: true })
            const upstream = await listener.accept()
            const [writer, reader] = direction === 'toUpstream' ? [downstream, upstream] : [upstream, downstream]
            const sent = writer.end(contents)
            const pending = (): number => relay.server.ledger()[direction].pending
            await until(() => pending() > 0, 'bytes to wait in the relay')
            const [session] = await relay.server.sessions()
            const waiting = direction === 'toUpstream' ? session?.pendingToUpstream : session?.pendingToDownstream
            assert.ok(waiting !== undefined && waiting <= mark, `${waiting ?? ''} bytes wait`)
            reader.resume()
            let most = 0
            while (reader.bytesRead() < contents.length) {
              most = Math.max(most, pending())
              await turn()
            }
            assert.ok(most <= mark, `${most} bytes waited at once`)
            await sent
            const received = await reader.readAll()
            assert.deepEqual([received.sha256, received.ending], [sha256(contents), 'fin'])
          })
        })
      }
    }

    it('the mark of one session is no matter to another', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), highWater(4_096), forward(tcp(listener.address))), { thread }, async (relay) => {
        const stalled = await connect(relay.address)
        const silent = await listener.accept()
        void stalled.send(contents).catch(() => undefined)
        await until(() => relay.server.ledger().toUpstream.pending > 0, 'the first session to stall')
        const other = await connect(relay.address)
        const upstream = await listener.accept()
        upstream.resume()
        await other.end('not concerned')
        assert.equal((await upstream.readAll()).text, 'not concerned')
        silent.destroy()
      })
    })
  })
}

describe('highWater and a stream sink', () => {
  it('write says to wait once more than the mark is pending, and drain is called when half of it or less is', async () => {
    const mark = 100_000
    let waited = 0
    let drained = 0
    const pendingAtDrain: number[] = []
    const sink = stream({
      open(session) {
        const block = Buffer.alloc(64 * 1024)
        while (!session.write(block)) assert.ok(session.pendingBytes <= mark)
        waited = session.pendingBytes
      },
      data: () => undefined,
      drain(session) {
        drained++
        pendingAtDrain.push(session.pendingBytes)
        session.end()
      },
    })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), highWater(mark), sink), {}, async (relay) => {
      const downstream = await connect(relay.address, { paused: true })
      await until(() => waited > 0, 'write to say that it should wait')
      assert.ok(waited > mark && waited <= mark + 64 * 1024, `${waited} bytes`)
      assert.equal(drained, 0)
      downstream.resume()
      assert.equal((await downstream.readAll()).ending, 'fin')
      await downstream.end()
      assert.equal(drained, 1)
      assert.ok((pendingAtDrain[0] ?? mark) <= mark / 2, `${String(pendingAtDrain)} bytes`)
    })
  })
})
