/**
 * 4,000 random flows, a quarter for each kind of thread and transport, 1,000 through two shards, then 4,000 smaller ones again with short reads and writes,
 * EAGAIN and EINTR. MILLRACE_SEED repeats a run, MILLRACE_FLOW=n one flow of it, MILLRACE_FLOWS=n makes it longer or shorter.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { relayFlows } from '../support/relay-flows.ts'
import { threads } from '../support/relay.ts'
import { seed } from '../support/seeded.ts'
import { buildShim } from '../support/shim.ts'

const ways = threads.flatMap((thread) => [{ thread, transport: 'auto' }, { thread, transport: 'splice' }] as const)
const sizes = { usuallyBytes: 2 ** 20, mostBytes: 8 * 2 ** 20, largeShare: 0.04 }
const flows = Number(process.env['MILLRACE_FLOWS'] ?? 4_000)

describe('exactness', function () {
  this.timeout(600_000)

  for (const [index, { thread, transport }] of ways.entries()) {
    it(`${flows / 4} random flows arrive byte for byte, both ways, ${thread} thread, ${transport}`, async () => {
      const { flows: ran, mismatches } = await relayFlows(thread, seed(), (index * flows) / 4, flows / 4, sizes, { transport })
      assert.equal(mismatches.length, 0, mismatches.join('\n'))
      assert.equal(ran, flows / 4)
    })
  }

  it(`${flows / 4} more through two shards`, async () => {
    const { flows: ran, mismatches } = await relayFlows('own', seed(), flows, flows / 4, sizes, { shards: 2 })
    assert.equal(mismatches.length, 0, mismatches.join('\n'))
    assert.equal(ran, flows / 4)
  })

  for (const [index, { thread, transport }] of ways.entries()) {
    it(`${flows / 4} more arrive where reads and writes are short and fail with EAGAIN and EINTR, ${thread} thread, ${transport}`, async () => {
      const shim = buildShim(seed() + index)
      try {
        const child = spawn(process.execPath, [
          '--import', 'tsx', fileURLToPath(new URL('../support/flows-child.ts', import.meta.url)), thread, transport, String(seed()), String((index * flows) / 4), String(flows / 4),
        ], { env: shim.env, stdio: ['ignore', 'pipe', 'inherit'] })
        const exited = new Promise<number | null>((resume) => child.once('close', resume))
        const said = Buffer.concat(await child.stdout.toArray()).toString()
        assert.equal(await exited, 0, said)
        assert.ok(said.startsWith(`${flows / 4} flows, 0 mismatches`), said)
        const report = shim.report()
        for (const [what, count] of Object.entries(report)) assert.ok(count > flows / 4, `the shim did its work, ${what}: ${count}`)
      } finally {
        shim.remove()
      }
    })
  }
})
