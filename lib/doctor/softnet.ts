/** Packets that were lost between the interface and any socket, a row for each CPU in /proc/net/softnet_stat, and what bounds that queue. */
import type { Facts, Unseen } from './facts.ts'
import { isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { numberText } from './text.ts'

const wishedBacklog = 10_000

export function softnet(facts: Facts): readonly Finding[] {
  const counts = softnetCounts(facts)
  if (isUnseen(counts)) return [skip('packet-queue', counts.unseen)]
  const [backlog, budget] = [numberAt(facts, '/proc/sys/net/core/netdev_max_backlog'), numberAt(facts, '/proc/sys/net/core/netdev_budget')]
  if (isUnseen(backlog)) return [skip('packet-queue', `${backlog.unseen}; ${numberText(counts.dropped)} packets dropped since boot`)]
  const budgetText = isUnseen(budget) ? '' : `, netdev_budget ${numberText(budget)} used up ${numberText(counts.squeezed)} times`
  const found = `net.core.netdev_max_backlog ${numberText(backlog)}, ${numberText(counts.dropped)} packets dropped since boot${budgetText}`
  if (counts.dropped === 0 || backlog >= wishedBacklog) return [ok('packet-queue', found)]
  return [warn('packet-queue', found, 'datagrams were lost before any socket, which no ledger counts; loopback, veth and RPS go through this queue', sysctl({ 'net.core.netdev_max_backlog': wishedBacklog }))]
}

type Counts = { readonly dropped: number; readonly squeezed: number }

/** Of all CPUs: the second and the third column. */
function softnetCounts({ read }: Facts): Counts | Unseen {
  const text = read('/proc/net/softnet_stat')
  if (isUnseen(text)) return text
  const rows = text.trim().split('\n').map((line) => line.split(/\s+/).map((hex) => parseInt(hex, 16)))
  const sum = (column: number): number => rows.reduce((total, row) => total + (row[column] ?? 0), 0)
  return rows.every((row) => row.length > 2 && row.every(Number.isFinite)) ? { dropped: sum(1), squeezed: sum(2) } : { unseen: '/proc/net/softnet_stat is not what it was' }
}
