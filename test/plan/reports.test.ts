/** What the addon writes as numbers, and what users are told: sessions and flows, and what generators have measured. */
import assert from 'node:assert/strict'
import { loadOf } from '../../lib/load.ts'
import { loadNumbers } from '../../lib/native.ts'
import type { NativeSession } from '../../lib/native.ts'
import { infoFor } from '../../lib/session-info.ts'
import { fakeRelay } from './fake-relay.ts'
import { echo, listen, pipe, tcp } from '../../lib/index.ts'

const native: NativeSession = {
  ...{ id: 7, kind: 'stream', node: 0, plan: 0, state: 'relaying', downstream: new Uint8Array(20), upstream: new Uint8Array(20) },
  ...{ bytesToUpstream: 1, bytesToDownstream: 2, pendingToUpstream: 3, pendingToDownstream: 4, ageMs: 5, idleMs: 6 },
}
const listed = (session: NativeSession) => infoFor((id) => 2 * id)({ native: session, pipeline: 1, path: 'echo[0]', downstream: '127.0.0.1:5555', upstream: undefined })

describe('sessions', () => {
  it('are listed as streams without datagrams', () => {
    assert.deepEqual(listed(native), {
      ...{ id: 14, pipeline: 1, kind: 'stream', node: 'echo[0]', state: 'relaying', downstream: '127.0.0.1:5555', upstream: undefined },
      ...{ bytesToUpstream: 1, bytesToDownstream: 2, pendingToUpstream: 3, pendingToDownstream: 4, ageMs: 5, idleMs: 6 },
    })
  })

  it('are listed as flows with all that became of their datagrams', () => {
    const { kind, datagrams } = listed({ ...native, kind: 'datagram', counts: Float64Array.from({ length: 24 }, (_, i) => i) })
    const at = (first: number): object =>
      Object.fromEntries(['received', 'produced', 'sent', 'consumed', 'dropped', 'pending'].map((name, i) => [name, { datagrams: first + 2 * i, bytes: first + 2 * i + 1 }]))
    assert.equal(kind, 'datagram')
    assert.deepEqual(datagrams, { toUpstream: at(0), toDownstream: at(12) })
  })
})

describe('the load', () => {
  const row = (...numbers: readonly number[]): Float64Array => Float64Array.from({ length: loadNumbers }, (_, i) => numbers[i] ?? 0)

  it('is undefined without a generator', () => assert.equal(loadOf([row(0), row(0, 5)]), undefined))

  it('has a name for every number', () => {
    assert.deepEqual(loadOf([row(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 1)]), {
      ...{ sent: 2, received: 3, lost: 4, reordered: 5, duplicated: 6, sendFailures: 7, seconds: 8 },
      ...{ latencyUs: { p50: 9, p90: 10, p99: 11, p999: 12, max: 13 }, finished: true },
    })
  })

  it('adds up, with the latencies and the end of the slowest', () => {
    const load = loadOf([row(1, 10, 10, 0, 0, 0, 0, 2, 5, 5, 5, 5, 9, 1), row(0, 99), row(1, 1, 1, 1, 1, 1, 1, 3, 4, 6, 6, 6, 6, 0)])
    assert.deepEqual([load?.sent, load?.received, load?.lost, load?.seconds, load?.finished], [11, 11, 1, 3, false])
    assert.deepEqual(load?.latencyUs, { p50: 5, p90: 6, p99: 6, p999: 6, max: 9 })
  })

  it('has no latency while nothing has come back', () => assert.equal(loadOf([row(1, 10)])?.latencyUs, undefined))
})

describe('notices about datagrams', () => {
  it('say that a table is full, and that a generator is done', () => {
    const relay = fakeRelay(pipe(listen(tcp('127.0.0.1:0')), echo()))
    relay.tell({ kind: 'notice', session: 0, value: 6, extra: 24 }, { kind: 'notice', session: 0, value: 6 }, { kind: 'notice', session: 0, value: 5 })
    assert.deepEqual(relay.events.map((event) => ({ ...event, at: 0 })), [
      { type: 'notice', code: 'tableFull', at: 0, pipeline: 0, listener: '127.0.0.1:8080', error: 'EMFILE' },
      { type: 'notice', code: 'tableFull', at: 0, pipeline: 0, listener: '127.0.0.1:8080' },
      { type: 'notice', code: 'generated', at: 0, pipeline: 0 },
    ])
  })
})
