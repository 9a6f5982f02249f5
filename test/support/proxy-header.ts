/** Headers of the PROXY protocol, version 2, as a proxy of datagrams would write them. */
import { hostOf, portOf } from './udp-peers.ts'

const signature = '0d0a0d0a000d0a515549540a'

const port = (address: string): string => portOf(address).toString(16).padStart(4, '0')
const ipv4 = (address: string): string => Buffer.from(hostOf(address).split('.').map(Number)).toString('hex')
const loopback6 = `${'00'.repeat(15)}01`

/** From one address to the other, over UDP; of IPv6 both are the loopback. `tlvs` in hex. */
export function datagramHeader(source: string, destination: string, tlvs = ''): Buffer {
  const six = source.startsWith('[')
  const block = (six ? [loopback6, loopback6] : [ipv4(source), ipv4(destination)]).join('') + port(source) + port(destination) + tlvs
  return Buffer.from(`${signature}21${six ? '22' : '12'}${(block.length / 2).toString(16).padStart(4, '0')}${block}`, 'hex')
}

/** Of a proxy that speaks for itself, with a TLV that means nothing. */
export const localHeader = Buffer.from(`${signature}20000005ea00020102`, 'hex')
