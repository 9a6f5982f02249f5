/** Pitfall 19: readers that have stopped reading must not make the relay's memory grow, however much is written to them. */
import assert from 'node:assert/strict'
import { forward, listen as listenAt, pipe, tcp } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { pour, pouredBytes } from '../support/pour.ts'
import { eventually, rssBytes, settled } from '../support/proc.ts'
import { relayProcess } from '../support/relay-process.ts'

/** What they do not read is in socket buffers, and all sockets of the machine share tcp_mem: of the suite under sanitizers two files run at once. */
const readers = sanitized ? 100 : 500
const perDirectionBytes = 256 * 1024
/** Beside the pending bytes: session state, the allocator's slack. A sanitizer shadows every byte and keeps freed ones back. */
const slackBytes = (sanitized ? 512 : 48) * 2 ** 20
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`

describe('stalled readers with endless writers', function () {
  this.timeout(180_000)
  afterEach(destroyPeers)

  for (const direction of ['toDownstream', 'toUpstream'] as const) {
    it(`${direction}: the relay stays within the caps, still serves others, and goes on for those who read again`, async () => {
      const upstream = await listen({ paused: direction === 'toUpstream' })
      await using relay = await forwardProcess(upstream.port)
      const before = rssBytes(relay.pid)

      const clients = await many(readers, () => connect(`127.0.0.1:${relay.port}`, { paused: direction === 'toDownstream' }))
      const upstreams = await many(readers, () => upstream.accept())
      const [writing, reading] = direction === 'toDownstream' ? [upstreams, clients] : [clients, upstreams]
      for (const writer of writing) pour(writer.socket)
      const stalledAt = await settled(() => pouredBytes(writing.map((writer) => writer.socket)))

      const rss = rssBytes(relay.pid)
      console.log(`      ${direction}: RSS ${mib(before)} before, ${mib(rss)} with ${readers} stalled readers; ${mib(stalledAt)} written, kernel buffers included`)
      assert.ok(rss - before <= readers * perDirectionBytes + slackBytes, `RSS grew by ${mib(rss - before)}`)

      const other = await connect(`127.0.0.1:${relay.port}`)
      const served = await upstream.accept()
      served.resume()
      await other.send('still there?')
      assert.equal((await served.read(12)).toString(), 'still there?')
      await served.send('yes')
      assert.equal((await other.read(3)).toString(), 'yes')

      // A tenth of them: what they read is kept, and there are gigabytes on the way to all.
      const again = reading.filter((_, i) => i % 10 === 0)
      for (const reader of again) reader.resume()
      await eventually('those who read again to get more', () => again.every((reader) => reader.bytesRead() >= 1 << 20))
    })
  }

  for (const thread of ['own', 'embedded'] as const) {
    it(`the cap over all sessions holds too (${thread} thread)`, async () => {
      const maxPendingBytes = 8 * 2 ** 20
      const upstream = await listen()
      await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), { thread, maxPendingBytes })
      const before = rssBytes(relay.pid)
      await many(readers, () => connect(relay.address, { paused: true }))
      const upstreams = await many(readers, () => upstream.accept())
      for (const writer of upstreams) pour(writer.socket)
      await settled(() => pouredBytes(upstreams.map((writer) => writer.socket)))

      const ledger = await relay.ledger()
      const pending = ledger.toUpstream.pending + ledger.toDownstream.pending
      console.log(`      ${thread}: ${mib(pending)} pending of ${mib(maxPendingBytes)}, ${ledger.sessions.open} sessions open, RSS ${mib(before)} -> ${mib(rssBytes(relay.pid))}`)
      assert.ok(ledger.balanced, JSON.stringify(ledger))
      assert.ok(pending <= maxPendingBytes, `${pending} bytes pending`)
      assert.equal(ledger.sessions.open + ledger.reasons.pendingLimit, readers, JSON.stringify(ledger.reasons))
      assert.ok(rssBytes(relay.pid) - before <= maxPendingBytes + slackBytes)

      await destroyPeers()
      await eventually('all sessions to end', async () => (await relay.ledger()).sessions.open === 0)
      assert.ok((await relay.ledger()).balanced)
    })
  }
})


