/** iperf3 through `millrace forward`: each direction, several streams, and both directions at once; no interval without bytes. */
import assert from 'node:assert/strict'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { field, listIn, numberIn } from '../support/json.ts'
import { program } from '../support/programs.ts'
import { unusedPort } from '../support/unused-ports.ts'

describe('iperf3 behind forward', () => {
  let server: ReturnType<typeof child>
  let relay: ForwardProcess

  before(async () => {
    const port = await unusedPort()
    server = child(program('iperf3', 'iperf3'), ['-s', '-B', '127.0.0.1', '-p', String(port), '--forceflush'], { env: plainEnv() })
    await server.line(/Server listening/)
    relay = await forwardProcess(port)
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const cases = [
    ['to the upstream', []],
    ['to the downstream', ['-R']],
    ['16 streams to the upstream', ['-P', '16']],
    ['16 streams to the downstream', ['-P', '16', '-R']],
    ['both directions at once', ['--bidir']],
  ] as const
  for (const [title, flags] of cases) {
    it(`${title}: no error and no interval without bytes`, async () => {
      const { stdout } = await run(program('iperf3', 'iperf3'), ['-c', '127.0.0.1', '-p', String(relay.port), '-t', '4', '-i', '1', '--json', ...flags])
      const report: unknown = JSON.parse(stdout)
      assert.equal(field(report, 'error'), undefined)
      const intervals = listIn(report, 'intervals').map((interval) => numberIn(field(interval, 'sum'), 'bytes'))
      assert.ok(intervals.length >= 4, stdout)
      for (const bytes of intervals) assert.ok(bytes > 0, `bytes by interval: ${intervals.join(', ')}`)
      const received = field(field(report, 'end'), 'sum_received')
      assert.ok(numberIn(received, 'bytes') > 0)
      console.log(`      ${(numberIn(received, 'bits_per_second') / 8e9).toFixed(2)} GB/s`)
    })
  }
})
