/**
 * Ports for the way to the upstream. A TCP session needs one that is free for its source address and upstream, a UDP flow one that is free
 * for its source address whatever its upstream is: the kernel binds before it connects. Both tried, see docs/doctor.md.
 */
import { countIn } from '../number-list.ts'
import type { Facts, Unseen } from './facts.ts'
import { isAbsent, isUnseen, numberAt, numbersAt } from './facts.ts'
import type { Finding, Mend } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { numberText } from './text.ts'

const range = '/proc/sys/net/ipv4/ip_local_port_range'
const reserved = '/proc/sys/net/ipv4/ip_local_reserved_ports'
/** `1024 65535` without a few thousand that are reserved. */
const enough = 60_000
/** TCP_TIMEWAIT_LEN. */
const timeWaitSeconds = 60

export function ports(facts: Facts): readonly Finding[] {
  const free = localPorts(facts)
  if (isUnseen(free)) return [skip('ports', free.unseen), skip('time-wait', free.unseen)]
  return [localRange(facts, free), timeWait(facts, free)]
}

/** How many ports one source address has. */
export function localPorts(facts: Pick<Facts, 'read'>): number | Unseen {
  const ends = numbersAt(facts, range)
  if (isUnseen(ends)) return ends
  const [first = 0, last = 0] = ends
  const list = facts.read(reserved)
  return last - first + 1 - (isUnseen(list) ? 0 : reservedWithin(list, first, last))
}

function reservedWithin(list: string, first: number, last: number): number {
  const parts = list.trim().split(',').filter((part) => part !== '')
  return parts.reduce((sum, part) => {
    const [from = 0, to = from] = part.split('-').map(Number)
    const [low, high] = [Math.max(from, first), Math.min(to, last)]
    return low > high ? sum : sum + countIn(`${low}-${high}`)
  }, 0)
}

/** All that a user may have; the ports of listeners are taken out of it, so that no session is given one. */
export function widen({ read }: Pick<Facts, 'read'>): Mend {
  const list = read(reserved)
  const known = isUnseen(list) ? '' : list.trim()
  const { mend = [], last = [] } = sysctl({ 'net.ipv4.ip_local_port_range': '1024 65535' })
  const keep = known === '' ? sysctl({ 'net.ipv4.ip_local_reserved_ports': '7890-7900' }) : {}
  const note = '   # the ports that are listened to'
  return { mend: [...mend, ...(keep.mend ?? []).map((line) => line + note)], last: [...last, ...(keep.last ?? []).map((line) => line + note)] }
}

function localRange(facts: Facts, free: number): Finding {
  const list = facts.read(reserved)
  if (isUnseen(list) && !isAbsent(list)) return skip('ports', `at most ${numberText(free)} for each source address, but which are reserved is not visible: ${list.unseen}`)
  const found = `${numberText(free)} for each source address: so many UDP flows to all upstreams together, so many TCP sessions to each upstream`
  const cost = 'what comes on top finds no port: a new flow takes the place of an old one, a session ends (connectFailed); each further address of --source-address has as many again'
  return free >= enough ? ok('ports', found) : warn('ports', found, cost, widen(facts))
}

function timeWait(facts: Facts, free: number): Finding {
  const reuse = numberAt(facts, '/proc/sys/net/ipv4/tcp_tw_reuse')
  if (isUnseen(reuse)) return skip('time-wait', reuse.unseen)
  const found = `net.ipv4.tcp_tw_reuse ${reuse}${reuse === 2 ? ' (loopback only)' : ''}`
  if (reuse === 1) return ok('time-wait', `${found}: a port in TIME_WAIT is taken again after a second`)
  const perSecond = numberText(free / timeWaitSeconds)
  return warn('time-wait', found, `a TCP session that its client ends holds its port ${timeWaitSeconds} s longer: over ${perSecond} sessions a second to one upstream run out`, sysctl({ 'net.ipv4.tcp_tw_reuse': 1 }))
}
