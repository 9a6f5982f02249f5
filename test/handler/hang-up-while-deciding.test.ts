/** A Unix peer that is gone rings EPOLLHUP for ever, and nobody reads it before the verdict: that must not keep the loop awake. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decide, discard, listen as from, pass, pipe, unix, type DecideVerdict } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { observe, observeQuiet, type Load } from '../support/proc.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

describe('a Unix downstream that hangs up while decide is pending', () => {
  let folder = ''
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'millrace-hang-up-')) })
  afterEach(() => { rmSync(folder, { recursive: true }) })

  it('costs no CPU time until the answer, which still counts', async () => {
    let give: (verdict: DecideVerdict) => void = () => undefined
    let asked = false
    const stage = decide({ minBytes: 1, timeoutMs: 20_000 }, () => {
      asked = true
      return new Promise((resume) => { give = resume })
    })
    await withRelay(pipe(from(unix(join(folder, 'down.sock'))), stage, discard()), {}, async (relay) => {
      const downstream = await connect(relay.address)
      await downstream.end('hello')
      await until(() => asked, 'the call')
      downstream.destroy()
      await downstream.closed
      const isQuiet = ({ cpuSeconds }: Load): boolean => cpuSeconds < 0.4
      const load = await observeQuiet(() => observe(process.pid, 1_000), isQuiet)
      assert.ok(isQuiet(load), `${load.cpuSeconds} s of CPU time in one second`)
      give(pass())
      const { reason, bytesToUpstream } = await relay.close()
      assert.deepEqual({ reason, bytesToUpstream }, { reason: 'finished', bytesToUpstream: 0 })
      assert.equal(relay.server.ledger().toUpstream.consumed, 5)
    })
  })
})
