/** pitfalls 6: a reset goes on as a reset, and what was taken before it is delivered first. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { acknowledged } from '../support/kernel.ts'
import { connect, listen, sha256, type Peer } from '../support/peers.ts'
import { rawPeer, type RawOptions, type RawPeer } from '../support/raw-peer.ts'
import { threads, withRelay, type TestRelay, type Thread } from '../support/relay.ts'
import { stalled } from '../support/stalled.ts'

type Roles = { readonly relay: TestRelay; readonly resets: Peer; readonly other: RawPeer; readonly reason: string }

/** The body once with the downstream as the side that resets, and once with the upstream; the other side is a bare reader. */
function bothWays(title: string, thread: Thread, options: RawOptions, body: (roles: Roles) => Promise<void>): void {
  it(`from the downstream, ${title}`, async () => {
    const other = await rawPeer(undefined, options)
    await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(other.address))), { thread }, async (relay) => {
      const resets = await connect(relay.address)
      await relay.opens()
      await body({ relay, resets, other, reason: 'resetByDownstream' })
    })
  })
  it(`from the upstream, ${title}`, async () => {
    const listener = await listen()
    await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
      const other = await rawPeer(relay.address, options)
      await body({ relay, resets: await listener.accept(), other, reason: 'resetByUpstream' })
    })
  })
}

for (const thread of threads) {
  describe(`a reset stays a reset, ${thread} thread`, () => {
    bothWays('on an idle session', thread, {}, async ({ relay, resets, other, reason }) => {
      resets.reset()
      assert.equal((await other.report()).ending, 'ECONNRESET')
      assert.equal((await relay.close()).reason, reason)
    })

    bothWays('and the 100,000 bytes before it arrive first', thread, {}, async ({ relay, resets, other, reason }) => {
      const bytes = Buffer.alloc(100_000, 'before the reset ')
      await resets.send(bytes)
      await acknowledged(resets)
      resets.reset()
      const report = await other.report()
      assert.deepEqual({ bytes: report.bytes, sha256: report.sha256, ending: report.ending }, { bytes: bytes.length, sha256: sha256(bytes), ending: 'ECONNRESET' })
      const closed = await relay.close()
      assert.deepEqual({ reason: closed.reason, relayed: closed.bytesToUpstream + closed.bytesToDownstream }, { reason, relayed: bytes.length })
    })

    bothWays('and what the relay has taken is delivered to a reader that was paused', thread, { pauseAt: [0] }, async ({ relay, resets, other, reason }) => {
      await other.paused()
      // More than kernel and relay hold together, so that the relay has pending bytes and has stopped reading when the reset comes.
      const bytes = Buffer.alloc(64 << 20, 'more than fits ')
      void resets.send(bytes).catch(() => undefined)
      await stalled(relay, () => resets.socket.writableLength > 0)
      resets.reset()
      other.resume()
      const report = await other.report()
      assert.equal(report.ending, 'ECONNRESET')
      assert.equal(report.sha256, sha256(bytes.subarray(0, report.bytes)), 'what arrived is the beginning of what was sent')
      assert.equal((await relay.close()).reason, reason)
      const { toUpstream, toDownstream } = relay.server.ledger()
      const direction = reason === 'resetByDownstream' ? toUpstream : toDownstream
      assert.deepEqual({ received: direction.received, dropped: direction.dropped }, { received: report.bytes, dropped: 0 })
    })

    bothWays('while the other direction has bytes pending for it', thread, { endless: true }, async ({ relay, resets, other, reason }) => {
      resets.pause()
      await stalled(relay)
      resets.reset()
      const { ending, writeError } = await other.report()
      assert.ok(ending === 'ECONNRESET' || writeError === 'ECONNRESET', `reading ended with ${ending}, writing with ${writeError}`)
      assert.equal((await relay.close()).reason, reason)
    })

    bothWays('after the other side had sent its FIN', thread, { send: 12, fin: true }, async ({ relay, resets, other, reason }) => {
      assert.equal((await resets.readAll()).bytes, 12)
      await resets.send('half an answer')
      await acknowledged(resets)
      resets.reset()
      const { bytes, ending } = await other.report()
      assert.deepEqual({ bytes, ending }, { bytes: 14, ending: 'ECONNRESET' })
      assert.equal((await relay.close()).reason, reason)
    })

    it('from the downstream, before the upstream is connected: its bytes arrive and then the reset', async () => {
      const other = await rawPeer(undefined)
      let found: () => void = () => undefined
      const asked = new Promise<void>((resume) => { found = resume })
      const resolver = () => asked.then(() => [{ address: '127.0.0.1', ttl: 60 }])
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(`late.test:${Number(other.address.split(':')[1])}`))), { thread, resolver }, async (relay) => {
        const resets = await connect(relay.address)
        await resets.send('early')
        await acknowledged(resets)
        resets.reset()
        await resets.closed
        found()
        const { bytes, ending } = await other.report()
        assert.deepEqual({ bytes, ending }, { bytes: 5, ending: 'ECONNRESET' })
        assert.equal((await relay.close()).reason, 'resetByDownstream')
      })
    })
  })
}
