/** What a worker tells of a thread that does not listen. */
import assert from 'node:assert/strict'
import { tellInTime } from '../../lib/cli/tell-in-time.ts'
import type { RelayEvent } from '../../lib/index.ts'

const batch = (count: number): RelayEvent[] => Array.from({ length: count }, (_, session) => ({ type: 'open', at: 0, session, pipeline: 0, downstream: '', listener: '', upstream: undefined }))

describe('events for a thread that may be too slow', () => {
  it('wait, up to a number, and of those that are lost a notice tells when half of them have been dealt with', () => {
    const told: (readonly RelayEvent[])[] = []
    const { onEvents, took } = tellInTime((events) => told.push(events), 10)
    onEvents(batch(6))
    onEvents(batch(6)) // has begun before the mark
    onEvents(batch(1))
    onEvents([])
    took(6)
    onEvents(batch(1)) // nothing comes out of order before it is told that something is missing
    assert.deepEqual(told.map(({ length }) => length), [6, 6])
    took(6)
    onEvents(batch(2))
    assert.deepEqual(told.map((events) => [events.length, events[0]?.type]), [[6, 'open'], [6, 'open'], [1, 'notice'], [2, 'open']])
    const [notice] = told[2] ?? []
    assert.ok(notice?.type === 'notice' && notice.code === 'eventsLost')
  })
})
