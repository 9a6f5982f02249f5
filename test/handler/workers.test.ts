/** Pitfall 25: the environment of a relay may end at any moment, with sessions, commands and crossings under way. */
import assert from 'node:assert/strict'
import { child, root, sanitized } from '../support/child.ts'
import { seed } from '../support/seeded.ts'

const workers = sanitized ? 60 : 200

describe(`${workers} workers that end at random points with live sessions`, function () {
  this.timeout(sanitized ? 300_000 : 120_000)

  it('half embedded with handlers, half on their own threads: no crash, no descriptor left, every client told', async () => {
    const start = performance.now()
    await using program = child(process.execPath, ['--import', 'tsx', `${root}test/support/terminated-workers.ts`, String(workers), String(seed())])
    const { code, signal } = await program.exited
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, `${program.stdout()}${program.stderr()}`)
    assert.match(program.stdout(), new RegExp(`^${workers} workers: .* no descriptor left$`, 'm'))
    console.log(`      ${program.stdout().trim()} in ${((performance.now() - start) / 1000).toFixed(1)} s`)
  })
})
