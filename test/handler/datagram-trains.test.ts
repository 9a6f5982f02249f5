/** GRO and GSO are never visible to a handler: it sees single datagrams, and what it lets go on or answers is grouped again. */
import assert from 'node:assert/strict'
import { datagrams, filterDatagrams, forward, listen as from, pipe, udp, type DatagramBatch, type Pipeline } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'

const count = sanitized ? 10_000 : 100_000
const mostBytes = 900

describe('datagrams that came together', function () {
  this.timeout(120_000)
  let seen = 0
  let largest = 0
  let batches = 0

  const look = (batch: DatagramBatch, then: (datagram: Parameters<DatagramBatch['reply']>[0]) => void = () => undefined): void => {
    batches++
    for (const datagram of batch) {
      seen++
      largest = Math.max(largest, datagram.length, datagram.bytes.length)
      then(datagram)
    }
  }
  const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'), { receiveBufferBytes: 64 << 20 })
  const cases: readonly (readonly [what: string, crossings: number, (upstream: string) => Pipeline<'datagram'>])[] = [
    ['a sink that echoes them', 1, () => pipe(source(), datagrams((batch) => { look(batch, (datagram) => { batch.reply(datagram, datagram.bytes) }) }))],
    ['a sink that answers with a copy', 1, () => pipe(source(), datagrams((batch) => { look(batch, (datagram) => { batch.reply(datagram, Buffer.from(datagram.bytes)) }) }))],
    ['a filter that lets them go on, both ways', 2, (upstream) => pipe(source(), filterDatagrams({ toUpstream: (batch) => { look(batch) }, toDownstream: (batch) => { look(batch) } }), forward(udp(upstream)))],
    ['a filter that puts a copy in their place', 1, (upstream) => pipe(source(), filterDatagrams((batch) => { look(batch, (datagram) => { batch.replace(datagram, Buffer.from(datagram.bytes)) }) }), forward(udp(upstream)))],
  ]

  for (const [what, crossings, make] of cases) {
    it(`are shown one by one to ${what}, and leave together again: ${count}, none lost, changed or out of order`, async () => {
      await using echo = await loadEcho('127.0.0.1:0', { gro: 1 })
      ;[seen, largest, batches] = [0, 0, 0]
      await withRelay(make(echo.address), {}, async (relay) => {
        const report = await verify(relay.address, { flows: 4, count, size: `200-${mostBytes}`, window: 64, gso: 1, patience: 30 })
        assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, ledger: relay.server.ledger().datagrams }))
        assert.deepEqual([seen, largest <= mostBytes], [crossings * count, true], `${largest} bytes`)
        assert.ok(batches < seen / 4, `${batches} calls for ${seen} datagrams`)
        const { segmentedSends, toUpstream } = relay.server.ledger().datagrams
        assert.ok(segmentedSends > 0, 'what came together leaves together')
        assert.equal(toUpstream.received, count)
        console.log(`      ${(seen / batches).toFixed(0)} datagrams a call, ${segmentedSends} segmented sends, ${report.messages} messages came back`)
        if (crossings === 2) await ledgerSays(relay.server, 'toDownstream', { received: count, sent: count })
      })
    })
  }
})
