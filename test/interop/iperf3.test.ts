/** iperf3 through `millrace forward`: each direction, several streams, and both directions at once; no interval without bytes. */
import assert from 'node:assert/strict'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { at, listAt, numberAt } from '../support/json.ts'
import { program } from '../support/programs.ts'
import { unusedPort } from '../support/peers.ts'

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
      assert.equal(at(report, 'error'), undefined)
      const intervals = listAt(report, 'intervals')
      assert.ok(intervals.length >= 4)
      for (const interval of intervals) assert.ok(numberAt(interval, 'sum', 'bytes') > 0, JSON.stringify(interval))
      assert.ok(numberAt(report, 'end', 'sum_received', 'bytes') > 0)
      console.log(`      ${(numberAt(report, 'end', 'sum_received', 'bits_per_second') / 8e9).toFixed(2)} GB/s`)
    })
  }
})
