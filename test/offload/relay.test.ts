/** The kernel relays: from A by way of B to C, and what B then says of it. */
import assert from 'node:assert/strict'
import { allow, deny, forward, listen, pipe, tcp, udp } from '../../lib/index.ts'
import { countsOf, ledgerSays } from '../support/datagram-ledger.ts'
import { installed } from '../support/installed.ts'
import { offloadNet, six, type OffloadNet, type Question } from '../support/offload.ts'
import { eventually } from '../support/proc.ts'
import { checkLedger } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { addresses } from '../support/three-namespaces.ts'

const { a, aToo, b, bToo, bTowardsC, c } = addresses
const ports = Array.from({ length: 11 }, (_, i) => 7890 + i)
const offload = 'nftables' as const

async function closed(relay: RelayProcess, net: OffloadNet): Promise<void> {
  await relay.close(0)
  const ledger = await relay.ledger()
  checkLedger({ ledger: () => ledger })
  assert.deepEqual(await net.tables(), [])
}

describe('offload: the kernel relays', () => {
  it('11 ports of UDP and TCP over IPv4 and IPv6 go end to end, port to port, and every byte of them is in the ledger', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7900)
    const pipelines = [
      pipe(listen(udp('0.0.0.0:7890-7900')), forward(udp(`${c}:7890-7900`))),
      pipe(listen(udp(`[${six.b}]:7890-7900`)), forward(udp(`[${six.c}]:7890-7900`))),
      pipe(listen(tcp('0.0.0.0:7890-7900')), forward(tcp(`${c}:7890-7900`))),
      pipe(listen(tcp(`[${six.b}]:7890-7900`)), forward(tcp(`[${six.c}]:7890-7900`))),
    ]
    await using relay = await relayProcess(pipelines, { offload, under: net.under.b })
    assert.equal(relay.addresses.length, 44)
    const questions = ports.flatMap((port): readonly Question[] => (['udp', 'tcp'] as const).flatMap((kind) => [b, six.b].map((host) => ({ kind, host, port, text: `${kind} ${host} ${port}` }))))
    const expected = questions.map(({ host, port, text }) => `${port} ${host === b ? bTowardsC : six.bTowardsC} ${text ?? ''}`)
    assert.deepEqual(await net.ask('a', questions), expected)

    const bytes = (kind: string, host: string, list: readonly string[]): number => list.filter((_, i) => questions[i]?.kind === kind && questions[i].host === host).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    const ledger = await relay.ledger()
    for (const [i, [kind, host]] of ([['udp', b], ['udp', six.b], ['tcp', b], ['tcp', six.b]] as const).entries()) {
      const [account, said] = [ledger.pipelines[i], JSON.stringify(ledger.pipelines[i])]
      assert.equal(account?.sessions.accepted, 11, said)
      assert.equal(account.toUpstream.sent, bytes(kind, host, questions.map(({ text }) => text ?? '')), said)
      assert.equal(account.toDownstream.sent, bytes(kind, host, expected), said)
      assert.deepEqual(countsOf(account, 'toDownstream').sent, kind === 'udp' ? 11 : 0)
      assert.equal(account.balanced, true)
    }
    assert.deepEqual([...new Set((await relay.sessions()).filter(({ kind }) => kind === 'datagram').map(({ upstream }) => upstream?.replace(/:\d+$/, '')))].sort(), [`[${six.c}]`, c].sort())
    await closed(relay, net)
  })

  it('a shifted range goes to the port at its place, a range to one port goes there, and what TCP carries is in the ledger without its headers', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 9000, 9010)
    const pipelines = [pipe(listen([udp(`${b}:7890-7900`), udp(`${b}:8890-8900`)]), forward(udp(`${c}:9000-9010`))), pipe(listen(tcp(`${b}:7890-7900`)), forward(tcp(`${c}:9005`)))]
    await using relay = await relayProcess(pipelines, { offload, under: net.under.b })
    const text = 'x'.repeat(100_000)
    const questions = [{ kind: 'udp', host: b, port: 7893 }, { kind: 'udp', host: b, port: 8900 }, { kind: 'tcp', host: b, port: 7890 }, { kind: 'tcp', host: b, port: 7900, text }] as const
    assert.deepEqual((await net.ask('a', questions)).map((said) => said.slice(0, 4)), ['9003', '9010', '9005', '9005'])
    const { toUpstream, toDownstream } = (await relay.ledger()).pipelines[1] ?? (await relay.ledger())
    // Segments that were lost and sent again count again.
    assert.ok(toUpstream.sent >= text.length + 5 && toUpstream.sent < 1.5 * text.length, JSON.stringify(toUpstream))
    assert.ok(toDownstream.sent >= text.length + 5 + 2 * `9005 ${bTowardsC} `.length, JSON.stringify(toDownstream))
    await closed(relay, net)
  })

  it('who is denied, or not allowed, is refused and counted, in the order of the pipeline', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    const stages = [deny(`${aToo}/32`, '10.77.3.0/24'), allow('10.77.0.0/16', '10.77.1.0/24')] as const
    const six4 = pipe(listen(udp('[::]:7890'), { dualStack: false }), allow('10.0.0.0/8'), forward(udp(`[${six.c}]:7890`)))
    await using relay = await relayProcess([pipe(listen(udp('0.0.0.0:7890')), ...stages, forward(udp(`${c}:7890`))), pipe(listen(tcp('0.0.0.0:7890')), ...stages, forward(tcp(`${c}:7890`))), six4], { offload, under: net.under.b })
    const from = (kind: 'udp' | 'tcp', source?: string): Question => ({ kind, host: source === undefined ? b : bToo, port: 7890, ...(source === undefined ? {} : { source }) })
    const said = await net.ask('a', [from('udp'), from('tcp'), from('udp', aToo), from('tcp', aToo), from('tcp', aToo), { kind: 'udp', host: six.b, port: 7890 }])
    assert.deepEqual(said, [`7890 ${bTowardsC} hello`, `7890 ${bTowardsC} hello`, 'TimeoutError', 'ConnectionRefusedError', 'ConnectionRefusedError', 'TimeoutError'])
    const { pipelines: [datagrams, streams, ipv6] } = await relay.ledger()
    assert(datagrams !== undefined && streams !== undefined && ipv6 !== undefined)
    assert.deepEqual(countsOf(datagrams, 'toUpstream'), { received: 2, produced: 0, sent: 1, consumed: 0, dropped: { policy: 1 } })
    assert.deepEqual(datagrams.datagrams.toUpstream.dropped.policy, { datagrams: 1, bytes: 5 })
    assert.deepEqual([streams.reasons.denied, streams.sessions.accepted, streams.toUpstream.sent], [2, 3, 5])
    assert.deepEqual(countsOf(ipv6, 'toUpstream').dropped, { policy: 1 })
    await closed(relay, net)
  })

  it('several source addresses take turns', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const [other, otherSix] = ['10.77.2.9', 'fd77:2::9']
    await net.exec('b', 'ip', 'addr', 'add', `${other}/24`, 'dev', 'bc')
    await net.exec('b', 'ip', 'addr', 'add', `${otherSix}/64`, 'dev', 'bc', 'nodad')
    await using _echo = await net.echo('c', 7890, 7890)
    const sourceAddress = [bTowardsC, six.bTowardsC, other, otherSix]
    const pipelines = [
      pipe(listen(udp('0.0.0.0:7890')), forward(udp(`${c}:7890`), { sourceAddress })),
      pipe(listen(tcp(`[${six.b}]:7890`)), forward(tcp(`[${six.c}]:7890`), { sourceAddress })),
    ]
    await using relay = await relayProcess(pipelines, { offload, under: net.under.b })
    for (const [kind, host, sources] of [['udp', b, [bTowardsC, other]], ['tcp', six.b, [six.bTowardsC, otherSix]]] as const) {
      const answers = await net.ask('a', Array.from({ length: 4 }, (_, i): Question => ({ kind, host, port: 7890, text: `n${i}` })))
      const seen = answers.map((answer) => answer.split(' ')[1])
      assert.deepEqual(seen, [...sources, ...sources], answers.join())
    }
    await closed(relay, net)
  })

  it('clients on the relay itself are served, and so is an upstream on it, whatever it is bound to', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _there = await net.echo('c', 7890, 7890)
    await using _here = await net.echo('b', 9000, 9000)
    await using relay = await relayProcess(
      [
        pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`))),
        pipe(listen(udp('0.0.0.0:8000')), forward(udp(`${bTowardsC}:9000`))),
        pipe(listen(tcp(`${b}:7890`)), forward(tcp(`${c}:7890`))),
        pipe(listen(tcp('0.0.0.0:8000')), forward(tcp(`${bTowardsC}:9000`))),
      ],
      { offload, under: net.under.b },
    )
    const both = (host: string, port: number): readonly Question[] => [{ kind: 'udp', host, port }, { kind: 'tcp', host, port }]
    const [remote, own] = [`7890 ${bTowardsC} hello`, `9000 ${bTowardsC} hello`]
    assert.deepEqual(await net.ask('b', [...both(b, 7890), ...both(b, 8000), ...both('127.0.0.1', 8000)]), [remote, remote, own, own, own, own])
    assert.deepEqual(await net.ask('a', [...both(b, 7890), ...both(b, 8000)]), [remote, remote, own, own])
    const { pipelines } = await relay.ledger()
    // UDP: each question and each answer once, also where both ends are here and a packet passes the hooks twice.
    assert.deepEqual(pipelines.slice(0, 2).map((account) => [countsOf(account, 'toUpstream').received, countsOf(account, 'toUpstream').sent, countsOf(account, 'toDownstream').received, countsOf(account, 'toDownstream').sent]), [[2, 2, 2, 2], [3, 3, 3, 3]])
    assert.deepEqual(pipelines.slice(2).map(({ toUpstream }) => [toUpstream.received, toUpstream.sent]), [[10, 10], [15, 15]])
    await closed(relay, net)
  })

  it('what another rule of the machine keeps back is pending, and at the end dropped as unreachable', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    await net.exec('b', 'nft', 'table inet other { chain f { type filter hook forward priority 0; policy drop; }; }')
    await using relay = await relayProcess(pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`))), { offload, under: net.under.b })
    assert.deepEqual(await net.ask('a', [{ kind: 'udp', host: b, port: 7890 }]), ['TimeoutError'])
    const { pending } = (await relay.ledger()).datagrams.toUpstream
    assert.equal(pending, 1)
    await relay.close(0)
    await ledgerSays(relay, 'toUpstream', { received: 1, dropped: { unreachable: 1 } })
    assert.deepEqual(await net.tables(), ['other'])
  })

  for (const others of [false, true]) {
    it(`closing lets sessions end for a while, then nothing is left of them${others ? ', also where others use conntrack' : ''}`, async () => {
      await using net = await offloadNet()
      if (net === undefined) return
      await using _echo = await net.echo('c', 7890, 7890)
      if (others) await net.exec('b', 'nft', 'table inet other { chain n { type nat hook postrouting priority 100; oifname none masquerade; }; }')
      const both = [pipe(listen(tcp(`${b}:7890`)), forward(tcp(`${c}:7890`))), pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`)))]
      await using relay = await relayProcess(both, { offload, under: net.under.b })
      await using holding = net.hold(b, 7890)
      assert.deepEqual(await holding.ask('one'), [`7890 ${bTowardsC} one`, `7890 ${bTowardsC} one`])
      assert.deepEqual((await relay.sessions()).map(({ kind, state }) => `${kind} ${state}`).sort(), ['datagram replied', 'stream established'])
      const draining = relay.close(60_000)
      await eventually('new sessions to be refused', async () => (await net.ask('a', [{ kind: 'tcp', host: b, port: 7890 }]))[0] === 'ConnectionRefusedError')
      assert.deepEqual(await net.ask('a', [{ kind: 'udp', host: b, port: 7890 }]), ['TimeoutError'])
      assert.deepEqual(await holding.ask('two'), ['two', `7890 ${bTowardsC} two`])
      void relay.close(0)
      await draining
      assert.deepEqual((await holding.ask('three')).filter((said) => !/ConnectionResetError|ConnectionRefusedError|BrokenPipeError/.test(said)), [])
      const ledger = await relay.ledger()
      checkLedger({ ledger: () => ledger })
      assert.equal(ledger.pipelines[0]?.reasons.serverClosed, 1)
      assert.equal(ledger.pipelines[1] === undefined ? undefined : countsOf(ledger.pipelines[1], 'toUpstream').dropped.noFlow, 1)
      assert.deepEqual(await net.tables(), others ? ['other'] : [])
      // Or else what the upstream still sends would be passed on.
      if (others && installed('conntrack')) assert.doesNotMatch(await net.exec('b', 'cat', '/proc/net/nf_conntrack'), /zone-orig=/)
    })
  }

  it('a sender that did not wait for the relay is relayed too, though conntrack knows its flow as one that goes nowhere', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using _echo = await net.echo('c', 7890, 7890)
    await net.exec('b', 'nft', 'table inet other { chain n { type nat hook postrouting priority 100; oifname none masquerade; }; }')
    const from: Question = { kind: 'udp', host: b, port: 7890, source: `${a}@5000` }
    assert.deepEqual(await net.ask('a', [from]), ['ConnectionRefusedError'])
    await using relay = await relayProcess(pipe(listen(udp(`${b}:7890`)), forward(udp(`${c}:7890`))), { offload, under: net.under.b })
    assert.deepEqual(await net.ask('a', [from]), [`7890 ${bTowardsC} hello`])
    await relay.close(0)
  })
})
