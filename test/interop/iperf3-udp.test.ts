/** iperf3 -u through `millrace forward`: its control connection and its datagrams go to one port, so two relays share theirs. */
import assert from 'node:assert/strict'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { field, numberIn } from '../support/json.ts'
import { program } from '../support/programs.ts'
import { unusedPorts } from '../support/udp-peers.ts'

describe('iperf3 -u behind forward', () => {
  let server: ReturnType<typeof child>
  const relays: ForwardProcess[] = []
  let port = 0

  before(async () => {
    const [upstream, own] = [await unusedPorts(1), await unusedPorts(1)]
    server = child(program('iperf3', 'iperf3'), ['-s', '-B', '127.0.0.1', '-p', String(upstream), '--forceflush'], { env: plainEnv() })
    await server.line(/Server listening/)
    for (const net of ['tcp', 'udp']) relays.push(await forwardProcess(`${net}://127.0.0.1:${upstream}`, { listen: `${net}://127.0.0.1:${own}` }))
    port = own
  })

  after(async () => {
    for (const relay of relays) await relay[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const cases = [
    ['to the upstream', []],
    ['to the downstream', ['-R']],
    ['8 flows to the upstream', ['-P', '8']],
    ['8 flows to the downstream', ['-P', '8', '-R']],
    ['both directions at once', ['--bidir']],
  ] as const
  for (const [title, flags] of cases) {
    it(`${title}: paced datagrams of 1,200 bytes, none lost or out of order`, async () => {
      const { stdout } = await run(program('iperf3', 'iperf3'), ['-c', '127.0.0.1', '-p', String(port), '-u', '-b', '20M', '-l', '1200', '-t', '3', '--json', ...flags])
      const report: unknown = JSON.parse(stdout)
      assert.equal(field(report, 'error'), undefined)
      for (const which of title.startsWith('both') ? ['sum', 'sum_bidir_reverse'] : ['sum']) {
        const sum = field(field(report, 'end'), which)
        assert.ok(numberIn(sum, 'packets') > 1_000, stdout)
        assert.equal(numberIn(sum, 'lost_packets'), 0, stdout)
        console.log(`      ${numberIn(sum, 'packets')} datagrams, ${numberIn(sum, 'jitter_ms').toFixed(3)} ms of jitter`)
      }
      assert.doesNotMatch(stdout, /"out_of_order":\s*[1-9]/)
    })
  }
})
