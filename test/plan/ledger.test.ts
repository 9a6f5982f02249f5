/** From counters to a ledger. */
import assert from 'node:assert/strict'
import { closeReasons } from '../../lib/index.ts'
import { counterNames, ledgerOf } from '../../lib/ledger.ts'

function row(counts: Readonly<Record<string, number>>): Float64Array {
  for (const name of Object.keys(counts)) assert(counterNames.includes(name), name)
  return Float64Array.from(counterNames, (name) => counts[name] ?? 0)
}

const good = { accepted: 3, open: 1, closed: 2, 'reason.finished': 1, 'reason.ioError': 1, 'toUpstream.received': 10, 'toUpstream.produced': 5, 'toUpstream.sent': 8, 'toUpstream.consumed': 4, 'toUpstream.dropped': 2, 'toUpstream.pending': 1, 'toUpstream.crossed': 10 }

describe('the ledger', () => {
  it('names every counter', () => {
    const { pipelines, ...sum } = ledgerOf([row(good)])
    assert.deepEqual(pipelines, [sum])
    assert.deepEqual(sum.sessions, { accepted: 3, open: 1, closed: 2 })
    assert.deepEqual(sum.toUpstream, { received: 10, produced: 5, sent: 8, consumed: 4, dropped: 2, pending: 1, crossed: 10 })
    assert.deepEqual(Object.keys(sum.reasons), [...closeReasons])
    assert.equal(sum.reasons.ioError, 1)
    assert.equal(sum.balanced, true)
  })

  it('adds up pipelines', () => {
    const ledger = ledgerOf([row(good), row({ accepted: 1, closed: 1, 'reason.finished': 1, 'toDownstream.received': 7, 'toDownstream.dropped': 7 })])
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
  for (const [what, change] of wrong) it(`does not balance where ${what}`, () => assert.equal(ledgerOf([row({ ...good, ...change })]).balanced, false))

  it('does not balance where the mistakes of two pipelines make up for each other', () =>
    assert.equal(ledgerOf([row({ ...good, 'toUpstream.received': 11 }), row({ ...good, 'toUpstream.received': 9 })]).balanced, false))
})
