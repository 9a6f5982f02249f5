/** Where clients that name their destination may go. */
import { parseCidrs } from '../address.ts'
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { PlanRules } from '../plan.ts'

/** The options about destinations that `socks5` and `httpConnect` have in common. */
export type DestinationOptions = {
  /**
   * Networks that may be reached, private ones and this machine's own addresses among them, and then no others: `['0.0.0.0/0', '::/0', '10.0.0.0/8']` are the public ones and a private one,
   * since the most specific network decides. `0.0.0.0/0` and `::/0` name nothing: this machine's own addresses need a network of their own. Default: all but those that are private, local or reserved.
   */
  readonly allow?: readonly string[]
  /** Networks that may not be reached, whatever `allow` says; default none. */
  readonly deny?: readonly string[]
  /** Ports, and ranges such as `'8000-8999'`, that may be reached, and then no others; default for `httpConnect` 443, for `socks5` all but 25 (SMTP). */
  readonly ports?: readonly (number | string)[]
}

/**
 * What is not to be reached without being allowed: this host and private networks (RFC 6890), where cloud machines ask for their credentials (169.254.169.254, fd00:ec2::254,
 * 100.100.100.200, 168.63.129.16), multicast, and what IPv6 has for tunnels whose other end cannot be seen.
 */
export const guarded: readonly string[] = [
  '0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '168.63.129.16/32', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15',
  '224.0.0.0/4', '240.0.0.0/4',
  '::/128', '::1/128', '::/96', '64:ff9b:1::/48', '100::/64', '2001::/32', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8',
]

/** Throws ERR_MILLRACE_BAD_CIDR and ERR_MILLRACE_BAD_OPTION. */
export function rulesOf(node: string, { allow = [], deny = [], ports }: DestinationOptions, defaults: Pick<PlanRules, 'ports' | 'closedPorts'>): PlanRules {
  const asked = ports === undefined ? defaults : { ports: portsOf(node, ports), closedPorts: [] }
  return { allow: networksOf(node, 'allow', allow), deny: networksOf(node, 'deny', deny), guard: guarded, ...asked }
}

function networksOf(node: string, name: string, given: unknown): readonly string[] {
  if (!Array.isArray(given)) throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be a list of CIDRs such as ["10.0.0.0/8"], not ${shown(given)}`)
  const list: readonly unknown[] = given
  return list.length === 0 ? [] : parseCidrs(`${node}: ${name}`, list)
}

function portsOf(node: string, given: unknown): PlanRules['ports'] {
  const refuse = (what: unknown): Error => misuse('ERR_MILLRACE_BAD_OPTION', node, `ports must be ports from 1 to 65535 and ranges such as "8000-8999", not ${shown(what)}`)
  if (!Array.isArray(given) || given.length === 0) throw refuse(given)
  const list: readonly unknown[] = given
  return list.map((one) => {
    const [, from, to] = typeof one === 'number' || typeof one === 'string' ? (/^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(one)) ?? []) : []
    const [first, last] = [Number(from), Number(to ?? from)]
    if (from === undefined || first < 1 || last > 65_535 || first > last) throw refuse(one)
    return [first, last]
  })
}

/** A network that names nothing. */
export function isEverything(cidr: string): boolean {
  return cidr.endsWith('/0')
}

/** `to 10.0.0.0/8`, `ports 443`. */
export function showRules({ allow, deny, ports, closedPorts }: PlanRules): readonly string[] {
  const texts = ports.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`))
  return [
    allow.length === 0 ? 'to public addresses' : `to ${allow.join(', ')}`,
    ...(deny.length === 0 ? [] : [`never to ${deny.join(', ')}`]),
    ports.length > 0 ? `ports ${texts.join(', ')}` : `all ports but ${closedPorts.join(', ')}`,
  ]
}
