/** From pipelines to rules and back to a ledger, without a kernel. */
import assert from 'node:assert/strict'
import { allow, deny, datagrams, echo, forward, idleTimeout, limit, listen, pipe, route, otherwise, tcp, transform, udp, unix, when, prefix, generate, serve, socks5, socks5Proxy, upstreams } from '../../lib/index.ts'
import type { Pipeline } from '../../lib/index.ts'
import { ledgerOf } from '../../lib/ledger.ts'
import { parseConntrack } from '../../lib/offload/conntrack.ts'
import { rowOf } from '../../lib/offload/counters.ts'
import type { Count } from '../../lib/offload/counters.ts'
import { networksOf } from '../../lib/offload/networks.ts'
import { checkOffload } from '../../lib/offload/offload.ts'
import { offloadPlan } from '../../lib/offload/plan.ts'
import { replacedBy } from '../../lib/offload/replaced.ts'
import { upstreamsFor } from '../../lib/offload/routes.ts'
import type { Machine } from '../../lib/offload/routes.ts'
import { firstZone, loadText, reloadText, tableName } from '../../lib/offload/rules.ts'
import { forwardDrops, obstacles, zonesSet } from '../../lib/offload/surroundings.ts'
import { refused, rejected } from '../plan/refused.ts'
import { call } from '../plan/untyped.ts'

const from = listen(tcp('10.0.0.1:80'))
const fromUdp = listen(udp('10.0.0.1:80'))
const to = forward(tcp('10.0.0.2:80'))
const machine: Machine = { own: new Set(['10.0.0.1', '10.0.1.1']), isSet: () => true }

function textOf(pipeline: Pipeline<'stream'> | Pipeline<'datagram'>): string {
  const plan = offloadPlan(pipeline)
  return loadText(tableName([plan]), { pid: 7, startTicks: '42' }, [{ plan, zone: 5000, upstreams: upstreamsFor(plan, [plan.upstream.host], machine) }], machine)
}

describe('offload: from a pipeline to rules', () => {
  const cannot: readonly (readonly [Pipeline<'stream'> | Pipeline<'datagram'>, string])[] = [
    [pipe(from, allow('10.0.0.0/8'), idleTimeout(1_000), to), 'idleTimeout[1]: cannot be offloaded to nftables: it is about the bytes and the timers of millrace, and conntrack has its own'],
    [pipe(from, limit({ maxSessions: 1 }), to), 'limit[0]: cannot be offloaded to nftables: the kernel counts no sessions of a pipeline'],
    [pipe(from, transform({ toUpstream: (chunk) => chunk }), to), 'transform[0]: cannot be offloaded to nftables: it is in JS'],
    [pipe(from, echo()), 'echo[0]: cannot be offloaded to nftables: echo is not forward, the only sink that the kernel has'],
    [pipe(from, route(when(prefix('x'), to), otherwise(to))), 'route[0]: cannot be offloaded to nftables: route is not forward, the only sink that the kernel has'],
    [pipe(fromUdp, datagrams(() => undefined)), 'datagrams[0]: cannot be offloaded to nftables: datagrams is not forward, the only sink that the kernel has'],
    [pipe(listen(unix('/run/x')), to), 'listen: cannot be offloaded to nftables: unix /run/x is no port'],
    [pipe(from, forward(unix('/run/x'))), 'forward[0]: cannot be offloaded to nftables: unix /run/x is no port'],
    [pipe(listen(tcp('10.0.0.1:0')), to), 'listen: cannot be offloaded to nftables: tcp 10.0.0.1:0 takes a free port, but a rule needs its number: expected 1 to 65535'],
    [pipe(from, forward(tcp('10.0.0.2:80'), { retries: 0 })), 'forward[0]: cannot be offloaded to nftables: retries is about connecting, which the client itself does; leave it out'],
    [pipe(from, forward(tcp('10.0.0.2:80'), { connectTimeoutMs: 1 })), 'forward[0]: cannot be offloaded to nftables: connectTimeoutMs is about connecting, which the client itself does; leave it out'],
    [pipe(from, forward(tcp('10.0.0.2:80'), { via: socks5Proxy('10.0.0.3:1080') })), 'forward[0]: cannot be offloaded to nftables: via needs somebody to speak with the proxy, which the kernel does not; leave it out'],
    [pipe(from, forward(upstreams([tcp('10.0.0.2:80')]))), 'forward[0]: cannot be offloaded to nftables: it goes to a set of upstreams, and a rule neither checks members nor chooses among them; forward to one endpoint'],
    [pipe(from, socks5({ openProxy: true })), 'socks5[0]: cannot be offloaded to nftables: socks5 is not forward, the only sink that the kernel has'],
    [pipe(fromUdp, forward(udp('10.0.0.2:80'), { responses: 1 })), 'forward[0]: cannot be offloaded to nftables: responses needs answers to be counted, flow by flow; leave it out'],
    [pipe(listen(udp('10.0.0.1:80'), { maxFlows: 3 }), forward(udp('10.0.0.2:80'))), 'listen: cannot be offloaded to nftables: maxFlows is about sockets and flows of millrace, and there are none; leave it out'],
    [pipe(listen(tcp('[fe80::1%lo]:80')), to), 'listen: cannot be offloaded to nftables: tcp [fe80::1%lo]:80 has a scope, and a rule knows no scopes'],
    [pipe(generate({ sizeBytes: 64 }), forward(udp('10.0.0.2:80'))), 'generate: cannot be offloaded to nftables: the kernel makes no datagrams'],
    [pipe(from, forward(tcp('10.0.0.2:80'), { sourceAddress: '::2' })), 'forward[0]: cannot be offloaded to nftables: sourceAddress ::2 is not for IPv4, which the pipeline listens to'],
    [pipe(listen(udp('[::]:80')), forward(udp('name.example:80'), { sourceAddress: ['::2', '::3'] })), 'forward[0]: cannot be offloaded to nftables: sourceAddress ::2, ::3 is not for IPv4, which the pipeline listens to'],
  ]
  for (const [pipeline, message] of cannot) it(`refuses: ${message}`, () => refused(() => checkOffload([pipeline]), 'ERR_MILLRACE_BAD_PIPELINE', message))

  it('refuses options of serve that are about threads and bytes, and another way than nftables', async () => {
    await rejected(serve(pipe(from, to), { offload: 'nftables', thread: 'own' }), 'ERR_MILLRACE_BAD_OPTION', 'serve: thread is about how millrace moves bytes, and with offload "nftables" the kernel does; leave it out')
    await rejected(serve(pipe(from, to), { offload: 'nftables', shards: 2 }), 'ERR_MILLRACE_BAD_OPTION', 'serve: shards is about how millrace moves bytes, and with offload "nftables" the kernel does; leave it out')
    await rejected(Promise.resolve(call(serve, pipe(from, to), { offload: 'bpf' })), 'ERR_MILLRACE_BAD_OPTION', 'serve: offload must be "nftables", not "bpf"')
  })

  it('names the table after what is listened to, and the zone also after where it goes', () => {
    const plan = (listener: string, upstream: string) => offloadPlan(pipe(listen(udp(listener)), forward(udp(upstream))))
    const [one, same, moved, other] = [plan('10.0.0.1:7890-7900', '10.0.0.2:1'), plan('10.0.0.1:7890-7900', '10.0.0.2:1'), plan('10.0.0.1:7890-7900', '10.0.0.3:1'), plan('10.0.0.1:7890', '10.0.0.2:1')]
    assert.match(tableName([one]), /^millrace_udp_7890_[0-9a-f]{8}$/)
    assert.deepEqual([same, moved, other].map((two) => tableName([one]) === tableName([two])), [true, true, false])
    assert.deepEqual([same, moved].map((two) => firstZone(one) === firstZone(two)), [true, false])
    const [open, closed] = [[], [deny('10.9.0.0/16')]].map((gates) => firstZone(offloadPlan(pipe(listen(udp('10.0.0.1:1')), ...gates, forward(udp('10.0.0.2:1'))))))
    assert.notEqual(open, closed, 'whom a new start denies has no session any more')
    assert.ok(firstZone(one) >= 4_096 && firstZone(one) <= 65_535)
  })

  it('each kind of forward has its translation', () => {
    const rule = (pipeline: Pipeline<'stream'> | Pipeline<'datagram'>, word: string): readonly string[] => textOf(pipeline).split('\n').filter((line) => line.includes(` ${word} `) || line.endsWith(` ${word}`)).map((line) => line.slice(line.indexOf(word)))
    assert.deepEqual(rule(pipe(from, to), 'dnat'), ['dnat ip to 10.0.0.2:80 comment "to 0 tcp 10.0.0.2:80"'])
    assert.deepEqual(rule(pipe(listen(udp('[::1]:7-9')), forward(udp('[::1]:7-9'))), 'dnat'), ['dnat ip6 to ::1 comment "to 0 udp [::1]:7-9"'])
    assert.deepEqual(rule(pipe(listen(udp('10.0.0.1:7-8')), forward(udp('10.0.0.2:8-9'))), 'dnat'), ['dnat ip to udp dport map { 7 : 10.0.0.2 . 8, 8 : 10.0.0.2 . 9 } comment "to 0 udp 10.0.0.2:8-9"'])
    assert.deepEqual(rule(pipe(from, to), 'masquerade'), ['masquerade'])
    assert.deepEqual(rule(pipe(from, forward(tcp('10.0.0.2:80'), { sourceAddress: '10.0.1.1' })), 'snat'), ['snat ip to 10.0.1.1'])
    assert.deepEqual(rule(pipe(from, forward(tcp('10.0.0.2:80'), { sourceAddress: ['10.0.1.1', '::1', '10.0.1.2'] })), 'snat'), ['snat ip to numgen inc mod 2 map { 0 : 10.0.1.1, 1 : 10.0.1.2 }'])
    assert.deepEqual(rule(pipe(from, forward(tcp('10.0.1.1:80'))), 'snat'), ['snat ip to 10.0.1.1', 'snat ip to 10.0.1.1'])
  })

  it('nothing but words, numbers and addresses is ever said to nft, and a comment fits into its 128 bytes', () => {
    const longest = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff'
    const text = textOf(pipe(listen(udp(`[${longest}0]:10000-10010`)), forward(udp(`[${longest}1]:20000-20010`), { sourceAddress: `${longest}2` })))
    assert.match(text, /^[\w .:/;,{}"=!()|&@[\]\n-]*$/)
    assert.deepEqual([...text.matchAll(/comment "([^"]*)"/g)].filter(([, comment = '']) => comment.length > 128), [])
    assert.equal(text.split('"').length % 2, 1)
  })

  it('gates keep their order; a family that allow says nothing about is refused', () => {
    const lines = textOf(pipe(listen(udp('0.0.0.0:80')), deny('10.1.0.0/16'), allow('10.0.0.0/8', 'fd00::/8'), deny('fd00::/16'), forward(udp('10.0.0.2:80')))).split('\n')
    const at = lines.indexOf('chain p0_gates {')
    assert.deepEqual(lines.slice(at + 1, at + 3), ['ip saddr { 10.1.0.0/16 } jump p0_refused', 'ip saddr != { 10.0.0.0/8 } jump p0_refused'])
    assert.match(lines[lines.indexOf('chain p0 {') + 1] ?? '', /^ct original zone set 5000 /)
    const six = textOf(pipe(listen(udp('[fd00::1]:80')), allow('10.0.0.0/8'), forward(udp('[fd00::2]:80'))))
    assert.ok(six.includes('meta nfproto ipv6 jump p0_refused'))
  })

  it('networks of a set are of one family, and none lies within another', () => {
    const cidrs = ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8', '192.168.1.1/32', 'fd00::/8', 'fd00:1::/32', '::/0']
    assert.deepEqual(networksOf(cidrs, 4), ['10.0.0.0/8', '192.168.1.1/32'])
    assert.deepEqual(networksOf(cidrs, 6), ['::/0'])
  })

  it('a new address changes chains in place, and makes no table', () => {
    const plan = offloadPlan(pipe(from, to))
    const text = reloadText('millrace_x', [{ plan, zone: 5000, upstreams: upstreamsFor(plan, ['10.0.0.9'], machine) }], machine)
    assert.doesNotMatch(text, /\btable\b|counter p0_accepted \{|delete/)
    assert.match(text, /^flush chain inet millrace_x listen$/m)
    assert.match(text, /^add rule inet millrace_x to_upstream .* dnat ip to 10\.0\.0\.9:80 /m)
  })
})

describe('offload: what is around', () => {
  const ruleset = `table inet millrace_udp_7_x {
\tchain p0 {
\t\tct original zone set 5000 comment "zone 0 5000"
\t}
}
table ip filter {
\tchain FORWARD {
\t\ttype filter hook forward priority filter; policy drop;
\t\tct zone set 5001
\t}
\tchain INPUT {
\t\ttype filter hook input priority filter; policy drop;
\t}
}
`

  it('a chain that drops what is forwarded is found, zones of others are, and both are told', () => {
    assert.deepEqual([forwardDrops(ruleset), zonesSet(ruleset)], [['ip filter FORWARD'], [5001]])
    assert.equal(obstacles(forwardDrops(ruleset), ['eth0']).length, 2)
    assert.deepEqual(obstacles([], []), [])
  })

  it('zones whose sessions do not go on are shut in the same transaction', () => {
    const plan = offloadPlan(pipe(from, to))
    const text = loadText('millrace_x', { pid: 7, startTicks: '42' }, [{ plan, zone: 5000, upstreams: upstreamsFor(plan, ['10.0.0.9'], machine) }], machine, { tables: ['millrace_y'], zones: [7, 8] })
    assert.match(text, /^delete table inet millrace_y$/m)
    assert.match(text, /^chain received \{\nct original zone \{ 7, 8 \} drop\njump gate$/m)
  })
})

describe('offload: whose place a table takes', () => {
  const table = (alive: boolean, ...at: readonly string[]) => ({ name: at.join(), owner: undefined, alive, routes: [{ kind: 'datagram' as const, zone: 1, listen: at, upstreams: [] }], counts: new Map<string, Count>() })
  const plans = [offloadPlan(pipe(listen(udp('0.0.0.0:7890-7900')), forward(udp('10.0.0.2:1'))))]

  it('those about the same ports, and of IPv6 wildcards those that nobody has any more', () => {
    const all = [table(true, 'udp 10.0.0.1:7900'), table(true, 'udp 0.0.0.0:80', 'udp 0.0.0.0:7000-7890'), table(false, 'udp [::]:7890'), table(true, 'udp [::]:7891'), table(false, 'udp 10.0.0.1:7901'), table(false, 'tcp 0.0.0.0:7890'), table(false, 'nonsense')]
    assert.deepEqual(replacedBy(plans, all), ['udp 10.0.0.1:7900', 'udp 0.0.0.0:80,udp 0.0.0.0:7000-7890', 'udp [::]:7890'])
  })
})

describe('offload: from counters to the ledger', () => {
  const counts = (entries: Readonly<Record<string, readonly [number, number]>>): ReadonlyMap<string, Count> => new Map(Object.entries(entries).map(([name, [packets, bytes]]) => [name, { packets, bytes }]))

  it('takes the headers off, counts a train as one, and balances while something is under way and at the end', () => {
    const now = counts({ p0_accepted: [2, 0], p0_up_in4: [3, 3 * 28 + 3_000], p0_up_out4: [2, 2 * 28 + 2_900], p0_up_in6: [1, 48], p0_up_out6: [1, 48], p0_denied4: [5, 5 * 28 + 10], p0_late6: [1, 50] })
    const running = ledgerOf([[rowOf(now, 0, 'datagram', { open: 1, over: false })]])
    assert.deepEqual([running.balanced, running.sessions, running.toUpstream.pending, running.datagrams.toUpstream.pending], [true, { accepted: 2, open: 1, closed: 1 }, 100, 1])
    assert.deepEqual([running.toUpstream.received, running.toUpstream.sent, running.toUpstream.dropped], [3_012, 2_900, 12])
    const over = ledgerOf([[rowOf(now, 0, 'datagram', { open: 0, over: true })]])
    const { policy, noFlow, unreachable } = over.datagrams.toUpstream.dropped
    assert.deepEqual([over.balanced, policy, noFlow, unreachable], [true, { datagrams: 5, bytes: 10 }, { datagrams: 1, bytes: 2 }, { datagrams: 1, bytes: 100 }])
  })

  it('TCP headers have the length that each segment says', () => {
    const now = counts({ p0_accepted: [1, 0], p0_denied: [2, 120], p0_down_in4_8: [2, 2 * 52 + 1_000], p0_down_out4_8: [2, 2 * 52 + 1_000], p0_down_in6_10: [1, 80], p0_down_out6_10: [1, 80] })
    const { toDownstream, sessions, reasons, balanced } = ledgerOf([[rowOf(now, 0, 'stream', { open: undefined, over: false })]])
    assert.deepEqual([toDownstream.sent, sessions, reasons.denied, balanced], [1_000, { accepted: 3, open: 1, closed: 2 }, 2, true])
  })
})

describe('offload: conntrack', () => {
  const text = `ipv4     2 udp      17 27 src=10.77.1.2 dst=10.77.1.1 sport=45156 dport=7890 zone-orig=5000 src=10.77.2.2 dst=10.77.2.1 sport=7891 dport=45156 mark=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.1.2 dst=10.77.1.1 sport=1 dport=7890 packets=3 bytes=164 zone-orig=5001 src=10.77.2.2 dst=10.77.2.1 sport=7890 dport=1 packets=2 bytes=112 [ASSURED] mark=0 delta-time=9 use=2
ipv6     10 tcp      6 119 TIME_WAIT src=fd77:0001:0000:0000:0000:0000:0000:0002 dst=fd77::1 sport=3 dport=79 zone-orig=5001 src=fd77::2 dst=fd77::3 sport=79 dport=3 [ASSURED] mark=0 use=2
ipv6     10 udp      17 29 src=fd77:0001:0000:0000:0000:0000:0000:0002 dst=fd77::1 sport=4 dport=79 [UNREPLIED] zone-orig=5001 src=fd77::2 dst=fd77::3 sport=79 dport=4 mark=0 use=2
ipv4     2 tcp      6 431999 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=5 dport=6 src=10.0.0.2 dst=10.0.0.1 sport=6 dport=5 [ASSURED] mark=0 use=2
`
  it('its lines are sessions by their zone, those that are over left out', () => {
    const found = parseConntrack(text, new Set([5000, 5001]), (protocol) => (protocol === 'udp' ? 30 : 432_000))
    assert.deepEqual(found, [
      { zone: 5000, state: 'replied', downstream: '10.77.1.2:45156', listener: '10.77.1.1:7890', upstream: '10.77.2.2:7891', idleMs: 2_000, ageMs: undefined, bytesToUpstream: 0, bytesToDownstream: 0 },
      { zone: 5001, state: 'established', downstream: '10.77.1.2:1', listener: '10.77.1.1:7890', upstream: '10.77.2.2:7890', idleMs: 0, ageMs: 9_000, bytesToUpstream: 164, bytesToDownstream: 112 },
      { zone: 5001, state: 'unreplied', downstream: '[fd77:1::2]:4', listener: '[fd77::1]:79', upstream: '[fd77::2]:79', idleMs: 0, ageMs: undefined, bytesToUpstream: 0, bytesToDownstream: 0 },
    ])
  })
})
