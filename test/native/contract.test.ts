import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { closeReasons, counterNames, dropReasons } from '../../lib/ledger.ts'
import { RecordKind, loadNative, recordBytes, replyInts, rowInts } from '../../lib/native.ts'

describe('the contract between lib and the addon', () => {
  const native = loadNative()

  it('close reasons are the same list in the same order', () => {
    assert.deepEqual(native.closeReasons, [...closeReasons])
  })

  it('drop reasons are the same list in the same order', () => {
    assert.deepEqual(native.dropReasons, [...dropReasons])
  })

  it('counters are the same list in the same order', () => {
    assert.deepEqual(native.counterNames, [...counterNames])
  })

  it('records have the same kinds and the same size', () => {
    assert.deepEqual({ ...native.recordKinds }, { ...RecordKind })
    assert.equal(native.recordBytes, recordBytes)
  })

  it('notice codes, verdicts and ways of ending have the numbers of the C++ enums', () => {
    const header = readFileSync(new URL('../../addon/relay/record.h', import.meta.url), 'utf8')
    assert.match(header, /enum class Notice : uint8_t \{ paused = 1, resumed, acceptError, eventsLost, generated, tableFull, memberEjected, memberBack \}/)
    assert.match(header, /enum class Verdict : uint8_t \{ later = 0, pass, more, answered \}/)
    const row = readFileSync(new URL('../../addon/relay/datagram/row.h', import.meta.url), 'utf8')
    assert.match(row, /enum class RowVerdict : int32_t \{ pass = 0, drop, replaced, replacedLate, answered \}/)
    assert.match(row, new RegExp(`sizeof\\(DatagramRow\\) == ${rowInts * 4}`))
    assert.match(row, new RegExp(`sizeof\\(DatagramReply\\) == ${replyInts * 4}`))
    const control = readFileSync(new URL('../../addon/relay/control.h', import.meta.url), 'utf8')
    assert.match(control, /enum class EndHow : uint8_t \{ close, reset, handlerError, rejected \}/)
  })
})
