/** What takes more than a loopback: a client in A, the relay in B, the upstream in C. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { child, plainEnv, sanitized, slowness } from '../support/child.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { eventually } from '../support/proc.ts'
import { checkLedger, threads } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { addresses, threeNamespaces } from '../support/three-namespaces.ts'
import { faultsOf, flawless, honest, loadEcho, verify } from '../support/udp-load.ts'

const { b, bToo, c } = addresses
const count = sanitized ? 20_000 : 100_000
const python = (script: string, ...args: readonly string[]): readonly string[] => ['python3', '-c', script, ...args]

async function closed(relay: RelayProcess): Promise<void> {
  await relay.close(0)
  const ledger = await relay.ledger()
  checkLedger({ ledger: () => ledger })
}

for (const thread of threads) {
  describe(`a datagram relay between two networks, ${thread} thread`, function () {
    this.timeout(180_000)

    it('answers from the address that was addressed, whichever of its own that is', async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      await using _echo = await loadEcho(`${c}:7000`, { under: net.under.c })
      await using relay = await relayProcess(pipe(from(udp('0.0.0.0:7000')), forward(udp(`${c}:7000`))), { thread, under: net.under.b })
      // One socket asks both; it is bound to an address that is nearer to the other, so that the kernel's own choice would be wrong for one.
      const script = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('${addresses.a}', 0))
s.settimeout(20)
for to in sys.argv[1:] * 3:
  s.sendto(to.encode(), (to, 7000))
  data, (host, port) = s.recvfrom(100)
  print(data.decode(), host, port)
`
      const said = await net.exec('a', ...python(script, b, bToo))
      assert.deepEqual(said.trim().split('\n'), [1, 2, 3].flatMap(() => [b, bToo].map((address) => `${address} ${address} 7000`)))
      await ledgerSays(relay, 'toDownstream', { received: 6, sent: 6 })
      await closed(relay)
    })

    it('a leg with an MTU of 1360 while segments are 1400: all arrive', async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      await net.exec('b', 'ip', 'link', 'set', 'bc', 'mtu', '1360')
      await net.exec('c', 'ip', 'link', 'set', 'cb', 'mtu', '1360')
      await using _echo = await loadEcho(`${c}:7000`, { gro: 1, under: net.under.c })
      await using relay = await relayProcess(pipe(from(udp(`${b}:7000`), { receiveBufferBytes: 64 << 20 }), forward(udp(`${c}:7000`))), { thread, under: net.under.b })
      for (const size of [1400, 1300]) {
        const report = await verify(`${b}:7000`, { flows: 2, count: count / 10, size, window: 32, gso: 1 }, { under: net.under.a })
        assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ size, report, ledger: (await relay.ledger()).datagrams }))
      }
      const { segmentedSends, segmentationFallbacks } = (await relay.ledger()).datagrams
      console.log(`      ${segmentedSends} segmented sends, ${segmentationFallbacks} fell back`)
      assert.ok(segmentedSends > 0)
      await closed(relay)
    })

    it('a path whose MTU shrinks to 1360 in the middle: all arrive', async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      await using _echo = await loadEcho(`${c}:7000`, { gro: 1, under: net.under.c })
      await using relay = await relayProcess(pipe(from(udp(`${b}:7000`), { receiveBufferBytes: 64 << 20 }), forward(udp(`${c}:7000`))), { thread, under: net.under.b })
      const all = verify(`${b}:7000`, { flows: 2, count, size: 1400, window: 32, gso: 1 }, { under: net.under.a })
      await eventually('some to have gone', async () => countsOf(await relay.ledger(), 'toUpstream').sent > 1_000)
      // Of the route alone: a device with a smaller MTU would itself throw away what the other side still sends.
      await net.exec('b', 'ip', 'route', 'replace', '10.77.2.0/24', 'dev', 'bc', 'src', addresses.bTowardsC, 'mtu', '1360')
      const report = await all
      assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, ledger: (await relay.ledger()).datagrams }))
      await ledgerSays(relay, 'toUpstream', { received: count, sent: count })
      await closed(relay)
    })

    for (const [leg, where] of [['to the upstream', 'c'], ['to the downstream', 'a']] as const) {
      it(`the network loses 5 % on the leg ${leg}: what we say we have sent is what had come, and the ledger balances`, async () => {
        await using net = await threeNamespaces()
        if (net === undefined) return
        await net.exec(where, 'nft', 'table inet loss {\nchain input {\ntype filter hook input priority 0;\nmeta l4proto udp numgen random mod 20 == 0 counter drop\n}\n}')
        await using _echo = await loadEcho(`${c}:7000`, { under: net.under.c })
        await using relay = await relayProcess(pipe(from(udp(`${b}:7000`), { receiveBufferBytes: 64 << 20 }), forward(udp(`${c}:7000`))), { thread, under: net.under.b })
        // Seven: if there were twenty, the same one might lose all it sends.
        await using load = await honest(`${b}:7000`, { flows: 7, rate: 5_000 / slowness, size: 200 }, { under: net.under.a })
        await eventually('4,000 to have come', async () => countsOf(await relay.ledger(), 'toUpstream').received >= 4_000)
        const { sent, lost, corrupt } = await load.stop()
        // What the filter sees may be a train of several, behind one header: only its bytes tell how many it has thrown away.
        const found = /counter packets (\d+) bytes (\d+)/.exec(await net.exec(where, 'nft', 'list', 'table', 'inet', 'loss'))
        const thrownAway = (Number(found?.[2]) - 28 * Number(found?.[1])) / 200
        console.log(`      ${thrownAway} of ${sent} thrown away by the network`)
        assert.ok(thrownAway > 0)
        assert.deepEqual({ lost, corrupt }, { lost: thrownAway, corrupt: 0 }, 'nobody else has lost any')
        await ledgerSays(relay, 'toUpstream', { received: sent, sent })
        const back = where === 'c' ? sent - lost : sent
        await ledgerSays(relay, 'toDownstream', { received: back, sent: back })
        await closed(relay)
      })
    }

    it('an upstream whose port is closed says so by ICMP: it is counted, and the first datagram after it is back arrives', async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      await using relay = await relayProcess(pipe(from(udp(`${b}:7000`)), forward(udp(`${c}:7000`))), { thread, under: net.under.b })
      const script = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('${b}', 7000))
s.settimeout(20)
for line in sys.stdin:
  s.send(line.encode())
  if line.startswith('ask'): print('got', s.recv(100).decode(), end='', flush=True)
`
      const [command = '', ...args] = [...net.under.a, ...python(script)]
      await using client = child(command, args, { env: plainEnv(), stdin: 'pipe' })
      for (let i = 1; i <= 10; i++) {
        client.process.stdin?.write(`lost ${i}\n`)
        await eventually(`ICMP error ${i}`, async () => (await relay.ledger()).datagrams.icmpErrors >= i)
        await using _echo = await loadEcho(`${c}:7000`, { under: net.under.c })
        client.process.stdin?.write(`ask ${i}\n`)
        await client.line(new RegExp(`^got ask ${i}$`))
      }
      await ledgerSays(relay, 'toUpstream', { received: 20, sent: 20 })
      assert.equal((await relay.ledger()).sessions.accepted, 1)
      await closed(relay)
    })
  })
}
