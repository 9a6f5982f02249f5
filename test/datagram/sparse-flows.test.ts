/**
 * Many flows that have one datagram each at a time: their calls enter the kernel together (core/call_batch.h), or one by one where it has no ring for
 * us, and nobody can tell but by counting the calls.
 */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { forward, listen as from, pipe, udp, type Pipeline } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { injected, strace } from '../support/strace.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const flows = 200
const count = 4_000
const load = { flows, count, size: '24-1200', window: 1 } as const

const to = (address: string): Pipeline<'datagram'> => pipe(from(udp('127.0.0.1:0')), forward(udp(address)))

function hasRing({ pid }: RelayProcess): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === 'anon_inode:[io_uring]'
    } catch {
      return false  // closed meanwhile
    }
  })
}

/** All came through, and the books say so. */
async function relays(relay: RelayProcess): Promise<void> {
  const report = await verify(relay.address, load)
  assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
  for (const way of ['toUpstream', 'toDownstream'] as const) {
    await ledgerSays(relay, way, { received: count, sent: count })
  }
}

for (const thread of threads) {
  describe(`many flows of one datagram at a time, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(closeUdpPeers)

    it('enter the kernel together', async () => {
      await using echo = await loadEcho()
      await using relay = await relayProcess(to(echo.address), { thread })
      if (!hasRing(relay)) return console.log('      the kernel has no io_uring for us')
      await using trace = await strace(relay.loopThread, ['sendto', 'sendmsg', 'sendmmsg', 'recvmmsg', 'io_uring_enter'])
      await relays(relay)
      const calls = trace.calls().length
      console.log(`      ${calls} calls that send or receive, for ${2 * count} datagrams in and out`)
      assert.ok(calls < count, `${calls} calls`)
    })

    it('are relayed as well by a kernel that refuses a ring', async () => {
      using folder = temporaryFolder()
      const under = ['strace', '-f', '-o', `${folder.path}/calls`, '-e', 'trace=io_uring_setup', '-e', 'inject=io_uring_setup:error=EPERM']
      await using echo = await loadEcho()
      await using relay = await relayProcess(to(echo.address), { thread, under })
      await relays(relay)
    })

    it('are relayed on, without one, when the kernel has no memory for what is asked of the ring', async () => {
      await using echo = await loadEcho()
      await using relay = await relayProcess(to(echo.address), { thread })
      if (!hasRing(relay)) return
      await using trace = await strace(relay.loopThread, ['io_uring_enter'], ['io_uring_enter:error=EAGAIN:when=5+'])
      await relays(relay)
      assert.equal(injected(trace), 1, 'it is not asked again')
      assert.ok(!hasRing(relay))
    })

    it('do without one where it is not wanted', async () => {
      await using echo = await loadEcho()
      await using relay = await relayProcess(to(echo.address), { thread, ioUring: false })
      assert.ok(!hasRing(relay))
      await relays(relay)
    })

    it('whose upstream is not there lose only what is sent to it, and each datagram is in the books', async () => {
      const port = await unusedPort()
      await withRelay(to(`127.0.0.1:${port}`), { thread }, async ({ server, address }) => {
        const peers = await Promise.all(Array.from({ length: 50 }, () => udpPeer(address)))
        for (let round = 1; round <= 10; round++) {
          await Promise.all(peers.map((peer) => peer.send('is anybody there?')))
          await until(() => server.ledger().datagrams.toUpstream.received === round * peers.length && server.ledger().datagrams.toUpstream.pending === 0, 'all to be done with')
        }
        const { sent, dropped } = server.ledger().datagrams.toUpstream
        assert.equal(sent + dropped.unreachable.datagrams, 500)
        assert.ok(server.ledger().datagrams.icmpErrors > 0)
        await ledgerSays(server, 'toDownstream', { received: 0, sent: 0 })
        assert.equal(server.ledger().sessions.open, peers.length)
      })
    })
  })
}
