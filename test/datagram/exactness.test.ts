/**
 * A million numbered and checksummed datagrams through `forward` and back, and another million from a sender that hands the kernel
 * many at once. MILLRACE_DATAGRAMS=10000000 makes it ten. Windows keep what is on its way below what the kernel's queues hold.
 */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'

const most = Number(process.env['MILLRACE_DATAGRAMS'] ?? (sanitized ? 100_000 : 1_000_000))
const senders = [
  ['one at a time', { flows: 8, size: '24-1200', window: 16, gso: 0 }],
  ['many at once (UDP_SEGMENT)', { flows: 4, size: '200-900', window: 64, gso: 1 }],
] as const

describe('exactness of datagrams', function () {
  this.timeout(900_000)

  for (const thread of threads) {
    for (const [how, options] of senders) {
      // The loop is the same on both threads; what differs is who wakes it.
      const count = thread === 'own' ? most : Math.ceil(most / 5)
      it(`${count} datagrams sent ${how} arrive once, whole and in order, and so do their answers, ${thread} thread`, async () => {
        await using echo = await loadEcho('127.0.0.1:0', { gro: options.gso })
        await withRelay(pipe(from(udp('127.0.0.1:0'), { receiveBufferBytes: 64 << 20 }), forward(udp(echo.address))), { thread }, async (relay) => {
          const report = await verify(relay.address, { ...options, count, patience: 30 })
          console.log(`      ${report.received} of ${report.sent} back in ${report.seconds.toFixed(1)} s: ${report.sends} sends, ${report.messages} receives`)
          assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, ledger: relay.server.ledger().datagrams }))
          for (const direction of ['toUpstream', 'toDownstream'] as const) await ledgerSays(relay.server, direction, { received: count, sent: count })
          const { segmentedSends, segmentationFallbacks } = relay.server.ledger().datagrams
          assert.equal(segmentationFallbacks, 0)
          if (options.gso === 1) assert.ok(segmentedSends > 0, 'what came together leaves together')
        })
      })
    }
  }
})
