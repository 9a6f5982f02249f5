/** Accepting: the queue of finished handshakes, listen(2), and that of unfinished ones, tcp(7). */
import { backlog } from './asked.ts'
import type { Facts } from './facts.ts'
import { isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { numberText } from './text.ts'

const wishedQueue = 4_096

export function accepts(facts: Facts): readonly Finding[] {
  return [acceptQueue(facts), synQueue(facts)]
}

function acceptQueue(facts: Facts): Finding {
  const most = numberAt(facts, '/proc/sys/net/core/somaxconn')
  if (isUnseen(most)) return skip('accept-queue', most.unseen)
  const found = `net.core.somaxconn ${numberText(most)}, a TCP listener asks for ${numberText(backlog)}`
  const cost = `a burst of more than ${numberText(most)} sessions between two turns of the loop is not accepted: those clients try again a second later`
  return most >= backlog ? ok('accept-queue', found) : warn('accept-queue', found, cost, sysctl({ 'net.core.somaxconn': wishedQueue }))
}

/** With cookies a full queue costs nothing but TCP options; without them handshakes are dropped. */
function synQueue(facts: Facts): Finding {
  const [most, cookies] = [numberAt(facts, '/proc/sys/net/ipv4/tcp_max_syn_backlog'), numberAt(facts, '/proc/sys/net/ipv4/tcp_syncookies')]
  if (isUnseen(most)) return skip('syn-queue', most.unseen)
  if (isUnseen(cookies)) return skip('syn-queue', cookies.unseen)
  const found = `net.ipv4.tcp_max_syn_backlog ${numberText(most)}, SYN cookies ${cookies > 0 ? 'on' : 'off'}`
  if (most >= backlog) return ok('syn-queue', found)
  const cost = cookies > 0 ? 'handshakes beyond it go by cookies, without window scaling where the client has no timestamps' : 'handshakes beyond it are dropped, accepts come a second late'
  return warn('syn-queue', found, cost, sysctl({ 'net.ipv4.tcp_max_syn_backlog': wishedQueue, 'net.ipv4.tcp_syncookies': 1 }))
}
