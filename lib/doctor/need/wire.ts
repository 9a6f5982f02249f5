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

/**
 * A relay receives and sends each datagram. One interface for both sides has the datagrams of both ways coming in, and again going out; one for each
 * side has those of one way coming in and those of the other going out. Interfaces are full duplex: their speed is for each direction.
 */
export function wireFor(load: Load, facts: Facts): Need {
  const pps = eachWay(load)
  const bits = pps * wireBytes(load.payloadBytes) * 8
  const six = pps * wireBytes(load.payloadBytes, ipv6) * 8
  const [fastest, second] = speeds(facts)
  const text = [
    `${ppsText(pps)} each way, ${bitsText(bits)} on the wire each way (${wireBytes(load.payloadBytes)} bytes a datagram over IPv4; ${bitsText(six)} over IPv6)`,
    `with downstream and upstream behind one interface ${bitsText(2 * bits)} in and as much out, behind one each ${bitsText(bits)}`,
    fastest === undefined ? 'the speed of no interface is visible' : `the fastest interface has ${bitsText(fastest)} in and as much out${second === undefined ? '' : `, the next one ${bitsText(second)}`}`,
  ].join('; ')
  const needed = 2 * bits
  const available = fastest === undefined ? undefined : Math.max(fastest, 2 * (second ?? 0))
  const verdict = verdictOn(needed, available)
  const todo = [`interfaces of ${bitsText(bits)} for either side, or several machines`]
  return { resource: 'wire', verdict, text, needed, ...(available === undefined ? {} : { available }), ...(verdict === 'short' ? { todo } : {}) }
}

/** In bits a second, the fastest first, of the interfaces that tell; a virtual one says -1. */
function speeds(facts: Facts): readonly number[] {
  const names = facts.list('/sys/class/net')
  if (isUnseen(names)) return []
  const found = names.filter((name) => hasDevice(facts, name)).map((name) => numberAt(facts, `/sys/class/net/${name}/speed`))
  return found.flatMap((speed) => (isUnseen(speed) || speed <= 0 ? [] : [speed * 1e6])).sort((a, b) => b - a)
}
