/** From counters to a ledger. */
import assert from 'node:assert/strict'
import { closeReasons, dropReasons } from '../../lib/index.ts'
import type { Kind } from '../../lib/index.ts'
import { counterNames, ledgerOf } from '../../lib/ledger.ts'
import type { CounterRow } from '../../lib/ledger.ts'

function row(counts: Readonly<Record<string, number>>, kind: Kind = 'stream'): CounterRow {
  for (const name of Object.keys(counts)) assert(counterNames.includes(name), name)
  return { kind, values: Float64Array.from(counterNames, (name) => counts[name] ?? 0) }
}

const good = { accepted: 3, open: 1, closed: 2, 'reason.finished': 1, 'reason.ioError': 1, 'toUpstream.received': 10, 'toUpstream.produced': 5, 'toUpstream.sent': 8, 'toUpstream.consumed': 4, 'toUpstream.dropped': 2, 'toUpstream.pending': 1, 'toUpstream.crossed': 10 }

describe('the ledger', () => {
  it('names every counter', () => {
    const { pipelines, shards, ...sum } = ledgerOf([[row(good)]])
    assert.deepEqual(pipelines, [sum])
    assert.deepEqual(shards, [sum])
    assert.deepEqual(sum.sessions, { accepted: 3, open: 1, closed: 2 })
    assert.deepEqual(sum.toUpstream, { received: 10, produced: 5, sent: 8, consumed: 4, dropped: 2, pending: 1, crossed: 10 })
    assert.deepEqual(Object.keys(sum.reasons), [...closeReasons])
    assert.equal(sum.reasons.ioError, 1)
    assert.equal(sum.balanced, true)
  })

  it('adds up shards, pipeline by pipeline', () => {
    const other = row({ accepted: 2, open: 2 })
    const { pipelines, shards, sessions, balanced } = ledgerOf([[row(good), other], [row(good), row({ accepted: 1, open: 1 })]])
    assert.deepEqual(pipelines.map((account) => account.sessions.accepted), [6, 3])
    assert.deepEqual(shards.map((account) => account.sessions.accepted), [5, 4])
    assert.equal(sessions.accepted, 9)
    assert.equal(balanced, true)
  })

  it('does not balance where what one shard lacks another has too much', () => {
    const ledger = ledgerOf([[row({ ...good, 'toUpstream.received': 11 })], [row({ ...good, 'toUpstream.received': 9 })]])
    assert.deepEqual([ledger.balanced, ledger.pipelines[0]?.balanced, ledger.shards.map(({ balanced }) => balanced)], [false, false, [false, false]])
  })

  it('adds up pipelines', () => {
    const ledger = ledgerOf([[row(good), row({ accepted: 1, closed: 1, 'reason.finished': 1, 'toDownstream.received': 7, 'toDownstream.dropped': 7 })]])
    assert.deepEqual(ledger.sessions, { accepted: 4, open: 1, closed: 3 })
    assert.equal(ledger.reasons.finished, 2)
    assert.equal(ledger.toDownstream.received, 7)
    assert.deepEqual(ledger.pipelines.map(({ sessions }) => sessions.accepted), [3, 1])
  })

  const wrong = [
    ['a byte is missing', { 'toUpstream.received': 11 }],
    ['a byte of the other direction is missing', { 'toDownstream.sent': 1 }],
    ['a session has neither an end nor is it open', { accepted: 4 }],
    ['an end has no reason', { 'reason.finished': 0 }],
  ] as const
  for (const [what, change] of wrong) it(`does not balance where ${what}`, () => assert.equal(ledgerOf([[row({ ...good, ...change })]]).balanced, false))

  it('does not balance where the mistakes of two pipelines make up for each other', () =>
    assert.equal(ledgerOf([[row({ ...good, 'toUpstream.received': 11 }), row({ ...good, 'toUpstream.received': 9 })]]).balanced, false))
})

describe('the ledger of datagrams', () => {
  const flows = {
    ...{ accepted: 1, open: 1, 'toUpstream.received': 100, 'toUpstream.sent': 70, 'toUpstream.dropped': 30, 'toDownstream.produced': 8, 'toDownstream.sent': 8 },
    ...{ 'datagrams.toUpstream.received': 12, 'datagrams.toUpstream.sent': 7, 'datagrams.toUpstream.crossed': 3, 'datagrams.toDownstream.produced': 2, 'datagrams.toDownstream.sent': 2 },
    ...{ 'dropped.toUpstream.policy': 3, 'droppedBytes.toUpstream.policy': 30, 'dropped.toUpstream.kernelOverflow': 2, icmpErrors: 4, segmentedSends: 5, segmentationFallbacks: 6 },
  }

  it('names every counter, with what was dropped by its reason', () => {
    const { datagrams, balanced } = ledgerOf([[row(flows, 'datagram')]])
    const { dropped, ...toUpstream } = datagrams.toUpstream
    assert.deepEqual(toUpstream, { received: 12, produced: 0, sent: 7, consumed: 0, pending: 0, crossed: 3 })
    assert.deepEqual(Object.keys(dropped), [...dropReasons])
    assert.deepEqual([dropped.policy, dropped.kernelOverflow, dropped.expired], [{ datagrams: 3, bytes: 30 }, { datagrams: 2, bytes: 0 }, { datagrams: 0, bytes: 0 }])
    assert.equal(datagrams.toDownstream.produced, 2)
    assert.deepEqual([datagrams.icmpErrors, datagrams.segmentedSends, datagrams.segmentationFallbacks], [4, 5, 6])
    assert.equal(balanced, true)
  })

  it('adds up with that of streams, which have reasons for no byte', () => {
    const ledger = ledgerOf([[row(good), row(flows, 'datagram')]])
    assert.equal(ledger.toUpstream.dropped, 32)
    assert.deepEqual(ledger.datagrams.toUpstream.dropped.policy, { datagrams: 3, bytes: 30 })
    assert.equal(ledger.balanced, true)
  })

  const wrong = [
    ['a datagram is missing', { 'datagrams.toUpstream.received': 13 }],
    ['one of the other direction is missing', { 'datagrams.toDownstream.sent': 1 }],
    ['a drop has no reason', { 'dropped.toUpstream.policy': 2 }],
    ['the bytes of a drop have no reason', { 'droppedBytes.toUpstream.policy': 29 }],
  ] as const
  for (const [what, change] of wrong) it(`does not balance where ${what}`, () => assert.equal(ledgerOf([[row({ ...flows, ...change }, 'datagram')]]).balanced, false))
})
