/**
 * Connection tracking: two entries for every flow and session of a relay, a look-up for every datagram, and new flows dropped where the table is
 * full. Whether it tracks here is tried, the probe has sent datagrams before these files are read; but those went over loopback, so the rules are looked at too.
 */
import { maxFlows } from './asked.ts'
import type { Facts, Unseen } from './facts.ts'
import { isAbsent, isUnseen, numberAt } from './facts.ts'
import type { Finding, Mend } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { many, numberText } from './text.ts'

const folder = '/proc/sys/net/netfilter'

/** Entries of one flow: from downstream to the relay, and from the relay to upstream. */
export const entriesPerFlow = 2

/** Of a table in which nothing has to be counted. */
const wished = 4 * entriesPerFlow * maxFlows

export type Tracking = { readonly count: number; readonly max: number; readonly exempt: boolean }

/** Undefined where nothing is tracked. */
export function tracking(facts: Facts): Tracking | Unseen | undefined {
  const [count, max] = [numberAt(facts, `${folder}/nf_conntrack_count`), numberAt(facts, `${folder}/nf_conntrack_max`)]
  if (isAbsent(count)) return undefined
  if (isUnseen(count)) return count
  if (isUnseen(max)) return max
  const rules = statementsOf(facts)
  if (count > 0 || rules?.some(isTracking) === true) return { count, max, exempt: rules?.some((line) => /\bnotrack\b/.test(line)) === true }
  if (isUnseen(facts.probe) || facts.probe.chargedBytes < 0) return { unseen: 'no entries, but no datagram could be sent to see whether there would be one' }
  return rules === undefined ? { unseen: 'no entry for the datagrams just sent over loopback, but whether a rule tracks what comes by an interface is not visible' } : undefined
}

/** The lines of the ruleset without what people have written into it: comments, names of interfaces. */
function statementsOf({ nft }: Facts): readonly string[] | undefined {
  return nft.state === 'ruleset' ? nft.text.split('\n').map((line) => line.replace(/"[^"]*"/g, '""').replace(/#.*/, '')) : undefined
}

/** Rules that need entries; translation does too. */
function isTracking(line: string): boolean {
  return isStateful(line) || /\b(?:masquerade|redirect|[sd]nat)\b|\btype nat\b/.test(line)
}

function isStateful(line: string): boolean {
  return /\bct (?:original|reply|state|status|direction|mark|label|zone|helper|count|expiration|timeout|bytes|packets|id)\b|\bxt (?:match|target) ""|\bflow (?:add|offload)\b/.test(line)
}

/** Whether something breaks where the ports of a relay are not tracked: a firewall that lets in what is established, or kernel offload. */
function isDependedOn(facts: Facts): boolean {
  const rules = statementsOf(facts) ?? []
  return rules.some((line) => isStateful(line) || /^table inet millrace_/.test(line))
}

export function conntrack(facts: Facts): readonly Finding[] {
  const seen = tracking(facts)
  if (isUnseen(seen)) return [skip('conntrack', seen.unseen)]
  if (seen === undefined) return [ok('conntrack', isAbsent(facts.read(`${folder}/nf_conntrack_count`)) ? 'not loaded' : 'there, but tracks nothing here: no rule asks for it, and there is no entry for the datagrams just sent')]
  return [active(facts, seen), table(facts, seen)]
}

function active(facts: Facts, { count, max, exempt }: Tracking): Finding {
  const found = `tracks, ${numberText(count)} of ${numberText(max)} entries in use`
  if (exempt) return ok('conntrack', `${found}; the ruleset has notrack rules: see that they name the ports of your listeners and upstreams`)
  const unknown = facts.nft.state === 'ruleset' ? '' : ' (whether rules exempt anything, or depend on it, is not visible)'
  const cost = 'each datagram is looked up, and a core relays a fifth fewer of them; two entries for each flow and session, and what is new is lost when the table is full'
  if (!isDependedOn(facts)) return warn('conntrack', found + unknown, cost, notrack())
  const depended = `${found}; rules of this machine go by it (ct state, or kernel offload), so no port can be exempted`
  return max >= wished ? ok('conntrack', depended) : warn('conntrack', depended, cost, sysctl({ 'net.netfilter.nf_conntrack_max': wished }))
}

/** For the entries that are needed: a larger table, and where nothing depends on them, none. */
export function moreEntries(facts: Facts, entries: number): readonly string[] {
  const larger = sysctl({ 'net.netfilter.nf_conntrack_max': entries }).mend ?? []
  return isDependedOn(facts) ? larger : [...larger, ...(notrack().mend ?? []).map((line) => `or ${line}`)]
}

/** With the ports of the listeners and the upstreams. Where a firewall that cannot be seen lets in what is established, or addresses are translated, it is the wrong thing. */
function notrack(ports = '7890-7900'): Mend {
  const rules = ['udp sport', 'udp dport'].map((field) => `${field} ${ports} notrack accept;`).join(' ')
  const chain = (name: string, hook: string): string => `chain ${name} { type filter hook ${hook} priority raw; ${rules} };`
  const ruleset = `table inet millrace { ${chain('in', 'prerouting')} ${chain('out', 'output')} }`
  return { mend: [`nft '${ruleset}'   # with your ports; not where a stateful firewall, NAT or kernel offload is to see them: answers would be dropped`], last: [`echo '${ruleset}' >> /etc/nftables.conf`] }
}

function table(facts: Facts, { count, max }: Tracking): Finding {
  const buckets = numberAt(facts, `${folder}/nf_conntrack_buckets`)
  if (isUnseen(buckets)) return skip('conntrack-table', buckets.unseen)
  const room = Math.max(0, max - count) / entriesPerFlow
  const found = `room for ${many(room, 'more flow or session', 'more flows or sessions')}, ${numberText(buckets)} buckets`
  if (room < maxFlows) return warn('conntrack-table', found, 'what is new on top is dropped by the kernel before the relay sees it', sysctl({ 'net.netfilter.nf_conntrack_max': wished, 'net.netfilter.nf_conntrack_buckets': wished }))
  if (max / buckets > 4) return warn('conntrack-table', found, `a full table has ${Math.ceil(max / buckets)} entries in a bucket, each datagram looks at half of them`, sysctl({ 'net.netfilter.nf_conntrack_buckets': max }))
  return ok('conntrack-table', found)
}
