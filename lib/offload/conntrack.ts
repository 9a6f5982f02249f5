/**
 * The sessions of offloaded pipelines as conntrack knows them, from /proc/net/nf_conntrack: a line each, in which ours have the zone that
 * our rules have given them. Kernels without CONFIG_NF_CONNTRACK_PROCFS do not have the file.
 */
import { readFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { normalizeIp, formatHostPort } from '../address.ts'

const file = '/proc/net/nf_conntrack'
const timeouts = '/proc/sys/net/netfilter/nf_conntrack_'

export type Tracked = {
  readonly zone: number
  readonly state: string
  readonly downstream: string
  /** Where it came to. */
  readonly listener: string
  readonly upstream: string
  /** At least: the kernel tells whole seconds of what is left, rounded down, and not which of its timeouts they are of. */
  readonly idleMs: number
  /** Undefined unless net.netfilter.nf_conntrack_timestamp is set. */
  readonly ageMs: number | undefined
  /** With headers; 0 unless net.netfilter.nf_conntrack_acct is set. */
  readonly bytesToUpstream: number
  readonly bytesToDownstream: number
}

type TimeoutOf = (protocol: string, state: string, left: number) => number

/** What is open in the zones, read piece by piece, so that others of this thread have their turn; rejects with what reading the file does. */
export async function trackedIn(zones: ReadonlySet<number>): Promise<readonly Tracked[]> {
  const timeoutOf = timeoutReader()
  const found: Tracked[] = []
  await eachPiece((text) => found.push(...parseConntrack(text, zones, timeoutOf)))
  return found
}

/** The same, blocking: 6 to 13 µs an entry. */
export function trackedNow(zones: ReadonlySet<number>): readonly Tracked[] {
  return parseConntrack(readFileSync(file, 'latin1'), zones, timeoutReader())
}

/** The zones that entries have. */
export async function zonesInUse(): Promise<ReadonlySet<number>> {
  const zones = new Set<number>()
  await eachPiece((text) => {
    for (const [, zone] of text.matchAll(/ zone(?:-orig|-reply)?=(\d+)/g)) zones.add(Number(zone))
  })
  return zones
}

/** Whole lines, about a page of them at a time. */
async function eachPiece(act: (text: string) => void): Promise<void> {
  const handle = await open(file)
  try {
    const buffer = Buffer.alloc(65_536)
    let rest = ''
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, null)
      if (bytesRead === 0) break
      const text = rest + buffer.toString('latin1', 0, bytesRead)
      const end = text.lastIndexOf('\n') + 1
      rest = text.slice(end)
      act(text.slice(0, end))
    }
    act(rest)
  } finally {
    await handle.close()
  }
}

/** The same from the text of the file. */
export function parseConntrack(text: string, zones: ReadonlySet<number>, timeoutOf: TimeoutOf): readonly Tracked[] {
  return linesWith(text, 'zone-orig=').flatMap((line) => {
    const zone = Number(/zone-orig=(\d+)/.exec(line)?.[1])
    const head = /^ipv[46] +\d+ (tcp|udp) +\d+ (\d+) (?:([A-Z_0-9]+) )?/.exec(line)
    if (!zones.has(zone) || head === null) return []
    const [, protocol = '', left = '0', tcpState] = head
    const state = tcpState ?? (line.includes('[UNREPLIED]') ? 'UNREPLIED' : line.includes('[ASSURED]') ? 'ASSURED' : 'REPLIED')
    if (isOver(state)) return []
    const all = (name: string): readonly string[] => [...line.matchAll(new RegExp(` ${name}=(\\S+)`, 'g'))].map(([, value = '']) => value)
    const [sources, ports, bytes, idle] = [all('src'), all('sport'), all('bytes'), timeoutOf(protocol, state, Number(left)) - Number(left) - 1]
    const peer = (direction: number): string => formatHostPort(normalizeIp(sources[direction] ?? '') ?? '', Number(ports[direction]))
    const at = formatHostPort(normalizeIp(all('dst')[0] ?? '') ?? '', Number(all('dport')[0]))
    const age = all('delta-time')[0]
    return {
      zone,
      state: state.toLowerCase(),
      downstream: peer(0),
      listener: at,
      upstream: peer(1), // Who answers is whom it went to.
      idleMs: 1_000 * Math.max(0, Math.min(idle, Number(age ?? Infinity))),
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

/**
 * The seconds after which the kernel forgets a session in which nothing moves: what is left of them tells for how long nothing has. Where TCP waits for an
 * acknowledgement, or has sent again and again, others count; which do is not told, so the least that it can be.
 */
function timeoutReader(): TimeoutOf {
  const known = new Map<string, number>()
  const secondsOf = (name: string): number => {
    const seconds = known.get(name) ?? read(name)
    known.set(name, seconds)
    return seconds
  }
  return (protocol, state, left) => {
    if (protocol === 'udp') return secondsOf(state === 'ASSURED' ? 'udp_timeout_stream' : 'udp_timeout')
    const names = [`tcp_timeout_${state.toLowerCase()}`, 'tcp_timeout_unacknowledged', 'tcp_timeout_max_retrans']
    return Math.min(...names.map(secondsOf).filter((seconds) => seconds >= left))
  }
}

function read(name: string): number {
  try {
    return Number(readFileSync(`${timeouts}${name}`, 'latin1'))
  } catch {
    return 0 // SYN_SENT2 has none of its own.
  }
}
