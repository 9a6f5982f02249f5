/**
 * Connection tracking: two entries for every flow and session of a relay, a look-up for every datagram, and new flows dropped where the table is
 * full. Whether it tracks here is tried: the probe has sent datagrams before these files are read, and they are counted or not.
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

export type Tracking = { readonly count: number; readonly max: number; readonly exempt: boolean }

/** Undefined where nothing is tracked. */
export function tracking(facts: Facts): Tracking | Unseen | undefined {
  const [count, max] = [numberAt(facts, `${folder}/nf_conntrack_count`), numberAt(facts, `${folder}/nf_conntrack_max`)]
  if (isAbsent(count)) return undefined
  if (isUnseen(count)) return count
  if (isUnseen(max)) return max
  if (count > 0) return { count, max, exempt: facts.nft.state === 'ruleset' && /\bnotrack\b/.test(facts.nft.text) }
  return isUnseen(facts.probe) || facts.probe.chargedBytes < 0 ? { unseen: 'no entries, but no datagram could be sent to see whether there would be one' } : undefined
}

export function conntrack(facts: Facts): readonly Finding[] {
  const seen = tracking(facts)
  if (isUnseen(seen)) return [skip('conntrack', seen.unseen)]
  if (seen === undefined) return [ok('conntrack', isAbsent(facts.read(`${folder}/nf_conntrack_count`)) ? 'not loaded' : 'there, but tracks nothing here: no entry for the datagrams just sent')]
  return [active(facts, seen), table(facts, seen)]
}

function active(facts: Facts, { count, max, exempt }: Tracking): Finding {
  const found = `tracks, ${numberText(count)} of ${numberText(max)} entries in use`
  if (exempt) return ok('conntrack', `${found}; the ruleset has notrack rules: see that they name the ports of your listeners and upstreams`)
  const unknown = facts.nft.state === 'ruleset' ? '' : ' (whether rules exempt anything is not visible)'
  return warn('conntrack', found + unknown, 'each datagram is looked up, and a core relays a fifth fewer of them; two entries for each flow and session, and what is new is lost when the table is full', notrack())
}

/** With the ports of the listeners and the upstreams. */
export function notrack(ports = '7890-7900'): Mend {
  const rules = ['udp sport', 'udp dport'].map((field) => `${field} ${ports} notrack accept;`).join(' ')
  const chain = (name: string, hook: string): string => `chain ${name} { type filter hook ${hook} priority raw; ${rules} };`
  const ruleset = `table inet millrace { ${chain('in', 'prerouting')} ${chain('out', 'output')} }`
  return { mend: [`nft '${ruleset}'   # with your ports`], last: [`echo '${ruleset}' >> /etc/nftables.conf`] }
}

function table(facts: Facts, { count, max }: Tracking): Finding {
  const buckets = numberAt(facts, `${folder}/nf_conntrack_buckets`)
  if (isUnseen(buckets)) return skip('conntrack-table', buckets.unseen)
  const wished = 4 * entriesPerFlow * maxFlows
  const room = Math.max(0, max - count) / entriesPerFlow
  const found = `room for ${many(room, 'more flow or session', 'more flows or sessions')}, ${numberText(buckets)} buckets`
  if (room < maxFlows) return warn('conntrack-table', found, 'what is new on top is dropped by the kernel before the relay sees it', sysctl({ 'net.netfilter.nf_conntrack_max': wished, 'net.netfilter.nf_conntrack_buckets': wished }))
  if (max / buckets > 4) return warn('conntrack-table', found, `a full table has ${Math.ceil(max / buckets)} entries in a bucket, each datagram looks at half of them`, sysctl({ 'net.netfilter.nf_conntrack_buckets': max }))
  return ok('conntrack-table', found)
}
