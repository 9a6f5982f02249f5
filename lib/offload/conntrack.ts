/**
 * The sessions of offloaded pipelines as conntrack knows them, from /proc/net/nf_conntrack: a line each, in which ours have the zone that
 * our rules have given them. Kernels without CONFIG_NF_CONNTRACK_PROCFS do not have the file.
 */
import { readFileSync } from 'node:fs'
import { normalizeIp, formatHostPort } from '../address.ts'

const file = '/proc/net/nf_conntrack'
const timeouts = '/proc/sys/net/netfilter/nf_conntrack_'

export type Tracked = {
  readonly zone: number
  readonly state: string
  readonly downstream: string
  readonly upstream: string
  readonly idleMs: number
  /** Undefined unless net.netfilter.nf_conntrack_timestamp is set. */
  readonly ageMs: number | undefined
  /** With headers; 0 unless net.netfilter.nf_conntrack_acct is set. */
  readonly bytesToUpstream: number
  readonly bytesToDownstream: number
}

/** What is open in the zones; throws what reading the file does. */
export function trackedIn(zones: ReadonlySet<number>): readonly Tracked[] {
  const timeoutOf = timeoutReader()
  return parseConntrack(readFileSync(file, 'latin1'), zones, timeoutOf)
}

/** The same from the text of the file. */
export function parseConntrack(text: string, zones: ReadonlySet<number>, timeoutOf: (protocol: string, state: string) => number): readonly Tracked[] {
  return linesWith(text, 'zone-orig=').flatMap((line) => {
    const zone = Number(/zone-orig=(\d+)/.exec(line)?.[1])
    const head = /^ipv[46] +\d+ (tcp|udp) +\d+ (\d+) (?:([A-Z_0-9]+) )?/.exec(line)
    if (!zones.has(zone) || head === null) return []
    const [, protocol = '', left = '0', tcpState] = head
    const state = tcpState ?? (line.includes('[UNREPLIED]') ? 'UNREPLIED' : line.includes('[ASSURED]') ? 'ASSURED' : 'REPLIED')
    if (isOver(state)) return []
    const all = (name: string): readonly string[] => [...line.matchAll(new RegExp(` ${name}=(\\S+)`, 'g'))].map(([, value = '']) => value)
    const [sources, ports, bytes] = [all('src'), all('sport'), all('bytes')]
    const peer = (direction: number): string => formatHostPort(normalizeIp(sources[direction] ?? '') ?? '', Number(ports[direction]))
    const age = all('delta-time')[0]
    return {
      zone,
      state: state.toLowerCase(),
      downstream: peer(0),
      upstream: peer(1), // Who answers is whom it went to.
      idleMs: Math.max(0, 1_000 * (timeoutOf(protocol, state) - Number(left))),
      ageMs: age === undefined ? undefined : 1_000 * Number(age),
      bytesToUpstream: Number(bytes[0] ?? 0),
      bytesToDownstream: Number(bytes[1] ?? 0),
    }
  })
}

/** Both sides have ended, and the kernel only remembers it. */
function isOver(state: string): boolean {
  return state === 'TIME_WAIT' || state === 'CLOSE'
}

/** A machine may track hundreds of thousands that are none of ours. */
function linesWith(text: string, what: string): readonly string[] {
  const lines: string[] = []
  for (let at = text.indexOf(what); at >= 0; ) {
    const end = text.indexOf('\n', at)
    lines.push(text.slice(text.lastIndexOf('\n', at) + 1, end < 0 ? undefined : end))
    at = end < 0 ? -1 : text.indexOf(what, end)
  }
  return lines
}

/** The seconds after which the kernel forgets a session in which nothing moves: what is left of them tells for how long nothing has. */
function timeoutReader(): (protocol: string, state: string) => number {
  const known = new Map<string, number>()
  return (protocol, state) => {
    const name = protocol === 'udp' ? (state === 'ASSURED' ? 'udp_timeout_stream' : 'udp_timeout') : `tcp_timeout_${state.toLowerCase()}`
    const seconds = known.get(name) ?? read(name)
    known.set(name, seconds)
    return seconds
  }
}

function read(name: string): number {
  try {
    return Number(readFileSync(`${timeouts}${name}`, 'latin1'))
  } catch {
    return 0 // SYN_SENT2 has none of its own: then it counts as not idle.
  }
}
