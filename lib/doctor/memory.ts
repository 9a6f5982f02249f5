/** What the kernel lets all sockets of a protocol hold together: udp_mem in udp(7), tcp_mem in tcp(7), in pages. */
import { highWaterBytes, receiveBufferBytes } from './asked.ts'
import type { Facts } from './facts.ts'
import { isUnseen, numbersAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { bytesText, many } from './text.ts'

/** Full listeners, and stalled sessions, that there should be room for. */
const [listeners, stalled] = [16, 1024]

export function memory(facts: Facts): readonly Finding[] {
  const { probe } = facts
  if (isUnseen(probe)) return [skip('udp-memory', `the size of a page: ${probe.unseen}`), skip('tcp-memory', `the size of a page: ${probe.unseen}`)]
  return [udp(facts, probe.pageBytes), tcp(facts, probe.pageBytes)]
}

/** What all UDP sockets may hold, in bytes. */
function udp(facts: Facts, page: number): Finding {
  const pages = numbersAt(facts, '/proc/sys/net/ipv4/udp_mem')
  if (isUnseen(pages)) return skip('udp-memory', pages.unseen)
  const room = (pages[2] ?? 0) * page
  const listener = 2 * receiveBufferBytes
  const found = `net.ipv4.udp_mem lets all UDP sockets hold ${bytesText(room)}, ${many(room / listener, 'full listener')}`
  return room >= listeners * listener
    ? ok('udp-memory', found)
    : warn('udp-memory', found, 'datagrams beyond it are lost, whatever room their socket has', sysctl({ 'net.ipv4.udp_mem': triple((listeners * listener) / page) }))
}

function tcp(facts: Facts, page: number): Finding {
  const pages = numbersAt(facts, '/proc/sys/net/ipv4/tcp_mem')
  if (isUnseen(pages)) return skip('tcp-memory', pages.unseen)
  const room = (pages[2] ?? 0) * page
  const found = `net.ipv4.tcp_mem lets all TCP sockets hold ${bytesText(room)}, ${many(room / highWaterBytes, 'stalled session')} with ${bytesText(highWaterBytes)} each`
  return room >= stalled * highWaterBytes
    ? ok('tcp-memory', found)
    : warn('tcp-memory', found, 'beyond it the kernel shrinks windows and then ends sessions', sysctl({ 'net.ipv4.tcp_mem': triple((stalled * highWaterBytes) / page) }))
}

/** From where on it is careful, from where on it is strict, and the most. */
function triple(pages: number): string {
  return [pages / 2, (pages * 3) / 4, pages].map(Math.ceil).join(' ')
}
