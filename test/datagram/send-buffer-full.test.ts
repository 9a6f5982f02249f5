/** A way to the upstream that is slower than what comes: a bounded queue, then counted drops, and no spinning meanwhile. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { slowness } from '../support/child.ts'
import { countsOf, droppedFor } from '../support/datagram-ledger.ts'
import { eventually, observe } from '../support/proc.ts'
import { checkLedger, threads } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { addresses, threeNamespaces } from '../support/three-namespaces.ts'
import { loadEcho, startLoad } from '../support/udp-load.ts'

for (const thread of threads) {
  describe(`a socket whose send buffer is full, ${thread} thread`, function () {
    this.timeout(180_000)

    it('makes datagrams wait, then drops them as sendBufferFull; it does not spin, and what waited leaves when it can', async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      // 2 Mbit/s and a queue with more room than any socket: it is the socket's own buffer that fills.
      await net.exec('b', 'tc', 'qdisc', 'add', 'dev', 'bc', 'root', 'tbf', 'rate', '2mbit', 'burst', '4kb', 'limit', '64mb')
      await using _echo = await loadEcho(`${addresses.c}:7000`, { under: net.under.c })
      await using relay = await relayProcess(pipe(from(udp(`${addresses.b}:7000`)), forward(udp(`${addresses.c}:7000`))), { thread, under: net.under.b })
      await using load = startLoad('verify', `${addresses.b}:7000`, { count: 4_000, size: 1400, window: 4_000, patience: 60 }, { under: net.under.a })
      await droppedFor('sendBufferFull', relay, 'toUpstream')
      await eventually('all to have come', async () => countsOf(await relay.ledger(), 'toUpstream').received === 4_000)
      const waiting = (await relay.ledger()).datagrams.toUpstream.pending
      assert.ok(waiting > 0, 'some wait')
      const { cpuSeconds, seconds, threadWakeUpsPerSecond } = await observe(relay.pid, 1_000, relay.loopThread)
      console.log(`      ${waiting} wait: ${(100 * cpuSeconds / seconds).toFixed(0)} % CPU, ${threadWakeUpsPerSecond.toFixed(0)} wake-ups a second`)
      assert.ok(cpuSeconds < 0.3 * seconds * Math.min(slowness, 3), `${cpuSeconds} s of CPU in ${seconds} s`)
      assert.ok((await relay.ledger()).balanced)
      // The queue need not be waited for: at its own pace it takes 20 s.
      await net.exec('b', 'tc', 'qdisc', 'del', 'dev', 'bc', 'root')
      await eventually('what waited to leave', async () => (await relay.ledger()).datagrams.toUpstream.pending === 0)
      const { received, sent, dropped } = countsOf(await relay.ledger(), 'toUpstream')
      assert.deepEqual(dropped, { sendBufferFull: received - sent })
      load.kill('SIGKILL')
      await relay.close(0)
      const ledger = await relay.ledger()
      checkLedger({ ledger: () => ledger })
    })
  })
}
