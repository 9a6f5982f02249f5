/** What a relay holds at one moment, as its process and its ledger tell it. Its timers cannot be read: one that is left over shows in its wake-ups. */
import type { Ledger } from '../../lib/index.ts'
import { descriptorsOf, rssBytes } from '../../test/support/proc.ts'

export const descriptorKinds = ['sockets', 'pipes', 'epoll', 'ioUring', 'others'] as const
export type Descriptors = Readonly<Record<(typeof descriptorKinds)[number], number>>

export type Sample = {
  /** Since the load has begun. */
  readonly seconds: number
  readonly descriptors: Descriptors
  readonly rssBytes: number
  readonly sessions: number
  readonly pendingBytes: number
  readonly pendingDatagrams: number
  /** Pipes in which bytes wait; open are `descriptors.pipes / 2`, some of them Node's. */
  readonly pipesInUse: number
  readonly pipesCapacityBytes: number
}

export function sampleOf(pid: number, ledger: Ledger, seconds: number): Sample {
  const { sessions, toUpstream, toDownstream, datagrams, pipes } = ledger
  return {
    seconds: Number(seconds.toFixed(1)),
    descriptors: countDescriptors(pid),
    rssBytes: rssBytes(pid),
    sessions: sessions.open,
    pendingBytes: toUpstream.pending + toDownstream.pending,
    pendingDatagrams: datagrams.toUpstream.pending + datagrams.toDownstream.pending,
    pipesInUse: pipes.inUse,
    pipesCapacityBytes: pipes.capacityBytes,
  }
}

export function countDescriptors(pid: number): Descriptors {
  const counts: Record<keyof Descriptors, number> = { sockets: 0, pipes: 0, epoll: 0, ioUring: 0, others: 0 }
  for (const name of descriptorsOf(pid)) counts[kindOf(name)]++
  return counts
}

function kindOf(name: string): keyof Descriptors {
  if (name.includes(' socket:')) return 'sockets'
  if (name.includes(' pipe:')) return 'pipes'
  if (name.endsWith('[eventpoll]')) return 'epoll'
  return name.endsWith('[io_uring]') ? 'ioUring' : 'others'
}
