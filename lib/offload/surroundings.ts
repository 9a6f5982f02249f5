/** What else the machine does with packets, as far as it stands in the way of ours. Pure, but for `interfacesOff`. */
import { readdirSync, readFileSync } from 'node:fs'

/** Chains of the forward hook that drop what none of their rules accepts, from `nft list ruleset`; those of iptables-legacy are not in there. */
export function forwardDrops(ruleset: string): readonly string[] {
  return chainsOf(ruleset).flatMap(({ table, chain, lines }) => (lines.some((line) => /\bhook forward\b.*policy drop/.test(line)) ? `${table} ${chain}` : []))
}

/** Conntrack zones that rules of others set. */
export function zonesSet(ruleset: string): readonly number[] {
  const others = chainsOf(ruleset).filter(({ table }) => !/^inet millrace_/.test(table))
  return others.flatMap(({ lines }) => lines.flatMap((line) => [...line.matchAll(/\bzone set (\d+)/g)].map(([, zone]) => Number(zone))))
}

type ChainText = { readonly table: string; readonly chain: string; readonly lines: readonly string[] }

function chainsOf(ruleset: string): readonly ChainText[] {
  const chains: { table: string; chain: string; lines: string[] }[] = []
  let table = ''
  for (const line of ruleset.split('\n')) {
    table = /^table (.*) \{/.exec(line)?.[1] ?? table
    const chain = /^\s+chain (\S+) \{/.exec(line)?.[1]
    if (chain === undefined) chains.at(-1)?.lines.push(line.trim())
    else chains.push({ table, chain, lines: [] })
  }
  return chains
}

/** Interfaces on which forwarding is off though it is on as a whole. */
export function interfacesOff(family: 4 | 6): readonly string[] {
  const folder = `/proc/sys/net/ipv${family}/conf`
  try {
    return readdirSync(folder).filter((name) => !['all', 'default', 'lo'].includes(name) && readFileSync(`${folder}/${name}/forwarding`, 'latin1').trim() === '0')
  } catch {
    return []
  }
}

/** What to say where rules of ours may let nothing through, for all the firewalls and interfaces. */
export function obstacles(drops: readonly string[], off: readonly string[]): readonly string[] {
  return [
    ...drops.map((chain) => `the chain ${chain} of the machine drops what is forwarded unless a rule there accepts it, and what is offloaded is forwarded: rules of INPUT do not apply to it`),
    ...(off.length === 0 ? [] : [`forwarding is off on ${off.join(', ')}: what comes in there is not passed on (sysctl -w ${off.map((name) => `net.ipv4.conf.${name}.forwarding=1`).join(' ')})`]),
  ]
}
