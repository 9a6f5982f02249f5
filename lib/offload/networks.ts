/** Networks as a set of nftables takes them: of one family, and none within another, which it would refuse. */
import { BlockList, isIPv6 } from 'node:net'
import type { Family } from './routes.ts'

export function networksOf(cidrs: readonly string[], family: Family): readonly string[] {
  const all = [...new Set(cidrs)].map(partsOf).filter((one) => one.family === family).sort((a, b) => a.prefix - b.prefix)
  const kept: typeof all = []
  const covered = new BlockList()
  for (const one of all) {
    if (covered.check(one.address, `ipv${family}`)) continue
    covered.addSubnet(one.address, one.prefix, `ipv${family}`)
    kept.push(one)
  }
  return kept.map(({ text }) => text)
}

/** `10.0.0.0/8` as lib/address.ts writes it. */
function partsOf(text: string): { readonly text: string; readonly family: Family; readonly address: string; readonly prefix: number } {
  const [address = '', prefix = ''] = text.split('/')
  return { text, family: isIPv6(address) ? 6 : 4, address, prefix: Number(prefix) }
}
