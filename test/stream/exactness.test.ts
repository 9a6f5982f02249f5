/**
 * Must show 3: 2,000 random flows, half of them in each kind of thread, then 2,000 smaller ones again with short reads and writes,
 * EAGAIN and EINTR. MILLRACE_SEED repeats a run, MILLRACE_FLOW=n one flow of it, MILLRACE_FLOWS=n makes it longer or shorter.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { relayFlows } from '../support/relay-flows.ts'
import { threads } from '../support/relay.ts'
import { seed } from '../support/seeded.ts'
import { buildShim } from '../support/shim.ts'

const flows = Number(process.env['MILLRACE_FLOWS'] ?? 2_000)

describe('exactness', function () {
  this.timeout(600_000)

  for (const [index, thread] of threads.entries()) {
    it(`${flows / 2} random flows arrive byte for byte, both ways, ${thread} thread`, async () => {
      const sizes = { usuallyBytes: 2 ** 20, mostBytes: 8 * 2 ** 20, largeShare: 0.04 }
      const { flows: ran, mismatches } = await relayFlows(thread, seed(), (index * flows) / 2, flows / 2, sizes)
      assert.equal(mismatches.length, 0, mismatches.join('\n'))
      assert.equal(ran, flows / 2)
    })
  }

  for (const [index, thread] of threads.entries()) {
    it(`${flows / 2} more arrive where reads and writes are short and fail with EAGAIN and EINTR, ${thread} thread`, async () => {
      const shim = buildShim(seed() + index)
      try {
        const child = spawn(process.execPath, [
          '--import', 'tsx', fileURLToPath(new URL('../support/flows-child.ts', import.meta.url)), thread, String(seed()), String((index * flows) / 2), String(flows / 2),
        ], { env: shim.env, stdio: ['ignore', 'pipe', 'inherit'] })
        const exited = new Promise<number | null>((resume) => child.once('close', resume))
        const said = Buffer.concat(await child.stdout.toArray()).toString()
        assert.equal(await exited, 0, said)
        assert.ok(said.startsWith(`${flows / 2} flows, 0 mismatches`), said)
        const report = shim.report()
        for (const [what, count] of Object.entries(report)) assert.ok(count > flows / 2, `the shim did its work, ${what}: ${count}`)
      } finally {
        shim.remove()
      }
    })
  }
})
