/**
 * Errors about sessions. What a client or a router on the way to it cannot take is reported by ICMP (RFC 792, RFC 4443) with the beginning of the packet that
 * it is about, and conntrack looks for that packet's session in the zone of the error: so an error has to be given the zone too, or a path with a small MTU
 * swallows all that is longer. Those from the upstream's side are about replies, which are in zone 0, and need nothing. Pure.
 */
import type { Family } from './routes.ts'

/** Where in the error the header of the packet begins that it is about: behind 8 bytes of ICMP. In bits, as nft counts. */
const inner = 8 * 8

/**
 * Matches an error about what came from a port of a listener. nft has no names for fields in there: version and length of the header, without
 * options (in IPv6 without extension headers, such as of fragments); the protocol; the source port.
 */
export function errorRule(family: Family, net: 'tcp' | 'udp', ports: string): string {
  const number = net === 'tcp' ? 6 : 17
  if (family === 4) {
    return `icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,${inner},8 0x45 @th,${inner + 72},8 ${number} @th,${inner + 160},16 ${ports}`
  }
  return `icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } @th,${inner + 48},8 ${number} @th,${inner + 320},16 ${ports}`
}
