/**
 * From plans to the text for `nft -f -`. Pure. Everything in it is a number, a word of ours, or an address that has been read and
 * written again by lib/address.ts: nothing that a user typed gets here as it was.
 *
 * The chains of a table, in the order in which a packet meets them; ARCHITECTURE.md says why they are these.
 *   raw -300        listen → p0: the conntrack zone, which from here on says whose packet it is; errors about a session have it too
 *   filter -110     received: gate, empty until draining; p0_gates, allow and deny; counters
 *   nat -100        to_upstream: the first packet of a session only
 *   nat 100         from_here; for an upstream on this machine from_here_too
 *   filter 110      sent: counters
 */
import { createHash } from 'node:crypto'
import { formatEndpoint, portCount } from '../endpoint.ts'
import { counterTexts, countingRule } from './counters.ts'
import { errorRule } from './icmp.ts'
import { networksOf } from './networks.ts'
import type { IpEndpoint, OffloadPlan } from './plan.ts'
import { familiesAt, familiesOf, familyOf, isWildcard, takesLoopback } from './routes.ts'
import type { Family, Machine, Upstream } from './routes.ts'

/** A pipeline as it is loaded: `zone` marks its sessions in conntrack. */
export type OffloadRoute = { readonly plan: OffloadPlan; readonly zone: number; readonly upstreams: readonly Upstream[] }

export type Owner = { readonly pid: number; readonly startTicks: string }

const protocol: Readonly<Record<Family, string>> = { 4: 'ip', 6: 'ip6' }

/** `millrace_udp_7890_` and a digest of all that is listened to: the same for the same listeners, so that a new start finds the old one. */
export function tableName(plans: readonly OffloadPlan[]): string {
  const all = plans.flatMap(({ listen }) => listen.map(formatEndpoint))
  const [first] = plans.flatMap(({ listen }) => listen)
  return `millrace_${first?.net ?? ''}_${first?.port ?? 0}_${createHash('sha256').update(all.toSorted().join()).digest('hex').slice(0, 8)}`
}

/** Where the search for a free zone begins: the same for the same listeners, upstream and gates, so that flows survive a new start, but none of who is denied now. */
export function firstZone({ listen, upstream, gates }: OffloadPlan): number {
  const text = [...[...listen, upstream].map(formatEndpoint), ...gates.map(({ step, cidrs }) => `${step} ${cidrs.join(' ')}`)].join()
  return leastZone + (createHash('sha256').update(text).digest().readUInt16BE(0) % (65_536 - leastZone))
}

/** Below are those that people take. */
const leastZone = 4_096

export function nextZone(zone: number): number {
  return zone === 65_535 ? leastZone : zone + 1
}

/** What a table takes the place of: others, and the zones whose sessions do not go on. */
export type Past = { readonly tables: readonly string[]; readonly zones: readonly number[] }

/** Makes the table, in place of one of that name and of past ones: one transaction, so packets meet the old rules or the new. */
export function loadText(name: string, owner: Owner, routes: readonly OffloadRoute[], machine: Machine, past: Past = { tables: [], zones: [] }): string {
  return [
    ...[...new Set([...past.tables, name])].flatMap((old) => [`table inet ${old}`, `delete table inet ${old}`]),
    `table inet ${name} {`,
    `comment "${ownerText(owner)}"`,
    ...routes.flatMap(({ plan }, i) => counterTexts(i, plan.kind, familiesOf(plan))),
    ...frame(routes, past.zones).flatMap(([chain, lines]) => chainText(chain, lines)),
    ...[...changing(routes, machine), ...hooks(owner)].flatMap(([chain, lines]) => chainText(chain, lines)),
    '}',
    '',
  ].join('\n')
}

/** Only what depends on addresses, in place, so that counters go on. */
export function reloadText(name: string, routes: readonly OffloadRoute[], machine: Machine): string {
  const chains = changing(routes, machine)
  return [
    ...chains.map(([chain]) => `flush chain inet ${name} ${chain}`),
    ...chains.flatMap(([chain, lines]) => lines.map((line) => `add rule inet ${name} ${chain} ${line}`)),
    '',
  ].join('\n')
}

/** Sessions that are there go on, new ones are refused as at a closed port. */
export function drainText(name: string, routes: readonly OffloadRoute[]): string {
  const gates = routes.map(({ plan, zone }, i) => {
    const refusal = plan.kind === 'stream' ? ['reject with tcp reset'] : familiesOf(plan).map((family) => `meta nfproto ipv${family} counter name "p${i}_late${family}" drop`)
    return refusal.map((what) => `add rule inet ${name} gate ct original zone ${zone} ct direction original ct state new ${plan.kind === 'stream' ? 'meta l4proto tcp ' : ''}${what}\n`)
  })
  return gates.flat().join('')
}

/** Nothing passes any more, so what is read from now on is final; who still sends is told. */
export function shutText(name: string, routes: readonly OffloadRoute[]): string {
  const rules = routes.map(({ plan, zone }) => `add rule inet ${name} gate ct original zone ${zone} ${plan.kind === 'stream' ? 'meta l4proto tcp reject with tcp reset' : 'drop'}\n`)
  return `flush chain inet ${name} gate\n${rules.join('')}`
}

export function deleteText(names: readonly string[]): string {
  // Adding what is there changes nothing, and makes deleting what is gone no error.
  return names.flatMap((name) => [`table inet ${name}`, `delete table inet ${name}`, '']).join('\n')
}

function ownerText({ pid, startTicks }: Owner): string {
  return `millrace pid ${pid} start ${startTicks}`
}

type Chain = readonly [name: string, lines: readonly string[]]

function chainText(name: string, lines: readonly string[]): readonly string[] {
  return [`chain ${name} {`, ...lines, '}']
}

function hook(type: 'filter' | 'nat', where: string, priority: number): string {
  return `type ${type} hook ${where} priority ${priority}; policy accept;`
}

/** What stays as it is as long as the table. */
function frame(routes: readonly OffloadRoute[], past: readonly number[]): readonly Chain[] {
  // Until conntrack has forgotten them, which is the work of a program that may not be there.
  const ended = past.length === 0 ? [] : [`ct original zone { ${past.join(', ')} } drop`]
  const counted = (place: 'in' | 'out'): readonly string[] =>
    routes.flatMap(({ zone }, i) => [
      `ct original zone ${zone} ct direction original jump p${i}_up_${place}`,
      `ct original zone ${zone} ct direction reply jump p${i}_down_${place}`,
    ])
  return [
    ...routes.flatMap(({ plan, zone }, i) => pipelineChains(plan, zone, i)),
    ['gate', []],
    ['received', [...ended, 'jump gate', ...gating(routes), ...counted('in')]],
    ['sent', counted('out')],
  ]
}

/**
 * Only what begins a session, once conntrack has been asked: the answer to a program or to a masqueraded neighbour that has a listener's port for its
 * own is addressed like a request, and conntrack finds it in zone 0 nevertheless, as what it is. What is dropped here has not been confirmed, so it leaves no entry.
 */
function gating(routes: readonly OffloadRoute[]): readonly string[] {
  return routes.flatMap(({ plan, zone }, i) => (plan.gates.length === 0 ? [] : [`ct original zone ${zone} ct direction original ct state new jump p${i}_gates`]))
}

function pipelineChains(plan: OffloadPlan, zone: number, i: number): readonly Chain[] {
  const families = familiesOf(plan)
  const gates = plan.gates.flatMap(({ step, cidrs }) => families.flatMap((family) => gateRules(step, family, networksOf(cidrs, family)).map((rule) => `${rule} jump p${i}_refused`)))
  return [
    [`p${i}_refused`, refusal(plan, families, i)],
    [`p${i}_gates`, gates],
    [`p${i}`, [`ct original zone set ${zone} comment "zone ${i} ${zone}"`]],
    ...(['up', 'down'] as const).flatMap((way) => (['in', 'out'] as const).map((place): Chain => [`p${i}_${way}_${place}`, families.map((family) => countingRule(`p${i}_${way}_${place}`, plan.kind, family))])),
  ]
}

/** What does not pass: a source in one of the networks of `deny`, or in none of those of `allow`. */
function gateRules(step: 'allow' | 'deny', family: Family, networks: readonly string[]): readonly string[] {
  const source = `${protocol[family]} saddr`
  if (networks.length === 0) return step === 'deny' ? [] : [`meta nfproto ipv${family}`]
  return [`${source} ${step === 'deny' ? '' : '!= '}{ ${networks.join(', ')} }`]
}

/** A client is told at once, as in user space. */
function refusal({ kind }: OffloadPlan, families: readonly Family[], i: number): readonly string[] {
  if (kind === 'datagram') return families.map((family) => `meta nfproto ipv${family} counter name "p${i}_denied${family}" drop`)
  return [`tcp flags & (fin | syn | rst | ack) == syn counter name "p${i}_denied" reject with tcp reset`, 'drop']
}

/** On the loopback a packet passes twice: it is taken where it leaves, and seen as sent where it arrives. */
const hooks = (owner: Owner): readonly Chain[] => [
  // Again here, because nft 1.0.6 does not print the comment of a table as JSON.
  ['raw_in', [hook('filter', 'prerouting', -300), `iif lo return comment "${ownerText(owner)}"`, 'jump listen']],
  ['raw_out', [hook('filter', 'output', -300), 'jump listen']],
  ['received_in', [hook('filter', 'prerouting', -110), 'iif lo return', 'jump received']],
  ['received_out', [hook('filter', 'output', -110), 'jump received']],
  ['dnat_in', [hook('nat', 'prerouting', -100), 'jump to_upstream']],
  ['dnat_out', [hook('nat', 'output', -100), 'jump to_upstream']],
  ['snat_out', [hook('nat', 'postrouting', 100), 'jump from_here']],
  ['snat_local', [hook('nat', 'input', 100), 'jump from_here_too']],
  ['sent_out', [hook('filter', 'postrouting', 110), 'oif lo return', 'jump sent']],
  ['sent_in', [hook('filter', 'input', 110), 'jump sent']],
]

/** What depends on the addresses of upstreams. */
function changing(routes: readonly OffloadRoute[], machine: Machine): readonly Chain[] {
  return [
    ['listen', routes.flatMap(({ plan, upstreams }, i) => plan.listen.flatMap((at) => listenRules(at, plan, upstreams, machine, i)))],
    ['to_upstream', routes.flatMap(({ plan, zone, upstreams }, i) => dnatRules(plan, zone, upstreams, i))],
    ['from_here', routes.flatMap(({ plan, zone, upstreams }) => upstreams.map((to) => `${first(zone)} meta nfproto ipv${to.family} ${snatOf(plan, to)}`))],
    ['from_here_too', routes.flatMap(({ plan, zone, upstreams }) => upstreams.filter(({ place }) => place !== 'remote').map((to) => `${first(zone)} meta nfproto ipv${to.family} ${snatOf(plan, to)}`))],
  ]
}

/**
 * A packet that is addressed to a listener, and an error about what a listener has answered. Not one from a link-local address (RFC 4291 section 2.5.6), which no router passes
 * on: it is left to the socket that holds the port, where TCP is reset, or refused.
 */
function listenRules(at: IpEndpoint, plan: OffloadPlan, upstreams: readonly Upstream[], machine: Machine, i: number): readonly string[] {
  return familiesAt(at, plan.dualStack).flatMap((family) => {
    const to = upstreams.find((upstream) => upstream.family === family)
    if (to === undefined) return []
    const loopback = family === 4 ? '127.0.0.0/8' : '::1'
    const where = isWildcard(at.host) ? `${takesLoopback(at, to, machine) ? '' : `${protocol[family]} daddr != ${loopback} `}fib daddr type local` : `${protocol[family]} daddr ${at.host}`
    const packet = `meta nfproto ipv${family} ${at.net} dport ${range(at)} ${where}`
    return [
      ...(family === 6 && isWildcard(at.host) ? [`${packet} ip6 saddr fe80::/10 ${at.net === 'udp' ? 'reject with icmpv6 type admin-prohibited' : 'return'}`] : []),
      `${packet} jump p${i} comment "listen ${i} ${formatEndpoint(at)}"`,
      `${errorRule(family, at.net, range(at))} ${where} jump p${i}`,
    ]
  })
}

function range({ port, lastPort }: IpEndpoint): string {
  return `${port}${lastPort === undefined ? '' : `-${lastPort}`}`
}

/** A chain of type nat sees the first packet of a session, and what is sent to refuse that one, which is its reply. */
function first(zone: number): string {
  return `ct original zone ${zone} ct direction original`
}

function dnatRules(plan: OffloadPlan, zone: number, upstreams: readonly Upstream[], i: number): readonly string[] {
  const rules = plan.listen.flatMap((at) =>
    upstreams.filter(({ family }) => familiesAt(at, plan.dualStack).includes(family)).map(({ family, host }) => {
      const shown = formatEndpoint({ ...plan.upstream, host })
      const where = isWildcard(at.host) ? '' : `${protocol[family]} daddr ${at.host} `
      return `${first(zone)} meta nfproto ipv${family} ${where}${at.net} dport ${range(at)} dnat ${protocol[family]} to ${targetOf(at, plan.upstream, host, family)} comment "to ${i} ${shown}"`
    }))
  return [`${first(zone)} counter name "p${i}_accepted"`, ...rules]
}

/** nftables gives a range no order of its own: where ports are shifted, each is told. */
function targetOf(at: IpEndpoint, upstream: IpEndpoint, host: string, family: Family): string {
  if (upstream.lastPort === undefined) return `${family === 4 ? host : `[${host}]`}:${upstream.port}`
  if (upstream.port === at.port) return host
  const pairs = Array.from({ length: portCount(at) }, (_, offset) => `${at.port + offset} : ${host} . ${upstream.port + offset}`)
  return `${at.net} dport map { ${pairs.join(', ')} }`
}

/** The upstream sees this machine. One that is on it sees its own address: from there its answer comes by conntrack, whatever it is bound to. */
function snatOf({ sourceAddresses }: OffloadPlan, { family, host, place }: Upstream): string {
  const sources = sourceAddresses.filter((source) => familyOf(source) === family)
  const [from = place === 'remote' ? undefined : host, ...others] = sources
  if (from === undefined) return 'masquerade'
  // A session whose address has no port left is dropped; what its client sends again has the next turn.
  const inTurn = `numgen inc mod ${sources.length} map { ${sources.map((source, i) => `${i} : ${source}`).join(', ')} }`
  return `snat ${protocol[family]} to ${others.length === 0 ? from : inTurn}`
}
