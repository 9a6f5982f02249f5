/**
 * Bits on the wire. A frame carries 14 bytes of Ethernet header and 4 of checksum and has at least 64; 8 of preamble before and a gap of 12 behind it
 * take time too (IEEE 802.3). A datagram over the MTU is cut into several, each with an IP header (RFC 791).
 */
import type { Facts } from '../facts.ts'
import { isUnseen, numberAt } from '../facts.ts'
import { hasDevice } from '../queues.ts'
import type { Load, Need } from './need.ts'
import { eachWay, verdictOn } from './need.ts'
import { bitsText, ppsText } from '../text.ts'

const [ethernet, leastFrame, preambleAndGap] = [14 + 4, 64, 8 + 12]
const [ipv4, ipv6, fragmentHeader, udp] = [20, 40, 8, 8]
const mtu = 1_500

/** What one datagram takes of the wire. */
export function wireBytes(payloadBytes: number, ipHeader: number = ipv4): number {
  return fragments(payloadBytes + udp, ipHeader).reduce((sum, bytes) => sum + Math.max(bytes + ethernet, leastFrame) + preambleAndGap, 0)
}

/** The IP packets of one datagram. What a fragment carries is a multiple of 8, but for the last; in IPv6 it has a header of its own for it. */
function fragments(bytes: number, ipHeader: number): readonly number[] {
  if (bytes + ipHeader <= mtu) return [bytes + ipHeader]
  const header = ipHeader === ipv6 ? ipHeader + fragmentHeader : ipHeader
  const room = 8 * Math.floor((mtu - header) / 8)
  const [whole, rest] = [Math.floor(bytes / room), bytes % room]
  return [...Array.from({ length: whole }, () => room + header), ...(rest > 0 ? [rest + header] : [])]
}

/** Both ways are needed twice: a relay receives and sends each datagram. */
export function wireFor(load: Load, facts: Facts): Need {
  const pps = eachWay(load)
  const bits = pps * wireBytes(load.payloadBytes) * 8
  const six = pps * wireBytes(load.payloadBytes, ipv6) * 8
  const speed = fastest(facts)
  const text = [
    `${ppsText(pps)} each way, ${bitsText(bits)} on the wire each way (${wireBytes(load.payloadBytes)} bytes a datagram over IPv4; ${bitsText(six)} over IPv6)`,
    `with downstream and upstream behind one interface ${bitsText(2 * bits)} in and as much out`,
    speed === undefined ? 'the speed of no interface is visible' : `the fastest interface has ${bitsText(speed)}`,
  ].join('; ')
  const needed = 2 * bits
  const verdict = verdictOn(needed, speed)
  const todo = [`interfaces of ${bitsText(bits)} for either side, or several machines`]
  return { resource: 'wire', verdict, text, needed, ...(speed === undefined ? {} : { available: speed }), ...(verdict === 'short' ? { todo } : {}) }
}

/** In bits a second, of the interfaces that tell; a virtual one says -1. */
function fastest(facts: Facts): number | undefined {
  const names = facts.list('/sys/class/net')
  if (isUnseen(names)) return undefined
  const speeds = names.filter((name) => hasDevice(facts, name)).map((name) => numberAt(facts, `/sys/class/net/${name}/speed`))
  const known = speeds.flatMap((speed) => (isUnseen(speed) || speed <= 0 ? [] : [speed * 1e6]))
  return known.length === 0 ? undefined : Math.max(...known)
}
