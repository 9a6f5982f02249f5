/** Nothing is kept of whom it answered: the memory is the same after 100,000 addresses as after a thousand. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { listen as from, pipe, stun, udp } from '../../lib/index.ts'
import { run } from '../support/child.ts'
import { rssBytes } from '../support/proc.ts'
import { relayProcess } from '../support/relay-process.ts'
import { unusedPort } from '../support/unused-ports.ts'

const sources = 100_000
const sanitized = process.env['MILLRACE_SANITIZED'] === '1'

describe('the memory of STUN', function () {
  this.timeout(120_000)

  for (const options of [{}, { ratePerAddress: 10 }]) {
    it(`grows by less than 1 MiB over ${sources} addresses${options.ratePerAddress === undefined ? '' : ', also with a budget for each'}`, async () => {
      const port = await unusedPort()
      await using relay = await relayProcess(pipe(from(udp(`127.0.0.1:${port}`)), stun(options)), { thread: 'own', sessionEvents: false })
      const ask = async (first: number, count: number): Promise<void> => {
        const { stdout } = await run('python3', [fileURLToPath(new URL('../support/stun_sources.py', import.meta.url)), ...[port, first, count].map(String)])
        assert.equal(Number(stdout), count)
      }
      await ask(0, 1_000)
      const before = rssBytes(relay.pid)
      await ask(1_000, sources)
      const grown = rssBytes(relay.pid) - before
      console.log(`      ${grown} bytes more`)
      assert.ok(grown < (sanitized ? 16 : 1) * 1_048_576, `${grown} bytes`)
      await relay.close(0)
    })
  }
})
