/**
 * iperf3 -u through a relay for its control connection and one for its datagrams, which go to the same port. What the relay has not lost and
 * iperf3 counts as lost has been lost in iperf3's own sockets, whose buffers are small: the ledger decides.
 */
import assert from 'node:assert/strict'
import { forward, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { child, plainEnv, run } from '../support/child.ts'
import { countsOf } from '../support/datagram-ledger.ts'
import { field, numberIn } from '../support/json.ts'
import { program } from '../support/programs.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { unusedPort } from '../support/unused-ports.ts'

describe('iperf3 -u behind a relay', () => {
  let server: ReturnType<typeof child>
  let relay: RelayProcess
  let port = 0

  before(async () => {
    const [upstream, own] = [await unusedPort(), await unusedPort()]
    server = child(program('iperf3', 'iperf3'), ['-s', '-B', '127.0.0.1', '-p', String(upstream), '--forceflush'], { env: plainEnv() })
    await server.line(/Server listening/)
    relay = await relayProcess([
      pipe(listen(udp(`127.0.0.1:${own}`)), forward(udp(`127.0.0.1:${upstream}`))),
      pipe(listen(tcp(`127.0.0.1:${own}`)), forward(tcp(`127.0.0.1:${upstream}`))),
    ], { thread: 'own' })
    port = own
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    await server[Symbol.asyncDispose]()
  })

  const cases = [
    ['to the upstream', ['-b', '10M']],
    ['to the downstream', ['-R', '-b', '10M']],
    ['8 flows to the upstream', ['-P', '8', '-b', '10M']],
    ['8 flows to the downstream', ['-P', '8', '-R', '-b', '10M']],
    ['both directions at once', ['--bidir', '-b', '10M']],
  ] as const
  for (const [title, flags] of cases) {
    it(`${title}: datagrams of 1,200 bytes, none lost by the relay or out of order`, async () => {
      const before = (await relay.ledger()).datagrams
      const { stdout } = await run(program('iperf3', 'iperf3'), ['-c', '127.0.0.1', '-p', String(port), '-u', '-l', '1200', '-t', '2', '--json', ...flags])
      const report: unknown = JSON.parse(stdout)
      assert.equal(field(report, 'error'), undefined)
      const ledger = await relay.ledger()
      const sums = (title.startsWith('both') ? ['sum', 'sum_bidir_reverse'] : ['sum']).map((which) => field(field(report, 'end'), which))
      const [packets, lost] = ['packets', 'lost_packets'].map((what) => sums.reduce<number>((total, sum) => total + numberIn(sum, what), 0))
      assert(packets !== undefined && lost !== undefined)
      console.log(`      ${packets} datagrams, ${lost} lost in iperf3's sockets`)
      assert.ok(packets > 1_000, stdout)
      assert.ok(lost < packets / 10, stdout)
      const sent = ledger.datagrams.toUpstream.sent + ledger.datagrams.toDownstream.sent - before.toUpstream.sent - before.toDownstream.sent
      assert.ok(sent >= packets, `${sent} relayed of ${packets}`)
      for (const direction of ['toUpstream', 'toDownstream'] as const) assert.deepEqual(countsOf(ledger, direction).dropped, {}, direction)
      assert.ok(ledger.balanced)
      assert.doesNotMatch(stdout, /"out_of_order":\s*[1-9]/)
    })
  }
})
