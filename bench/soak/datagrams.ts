/** Flows of datagrams that come and go: some at a time, each of which sends what it has, checks what comes back and ends. */
import type { Random } from '../../test/support/seeded.ts'
import { verify } from '../../test/support/udp-load.ts'

export type DatagramTotals = { flows: number; sent: number; missing: number; duplicated: number; reordered: number; corrupt: number; overflowed: number }

export const noDatagrams = (): DatagramTotals => ({ flows: 0, sent: 0, missing: 0, duplicated: 0, reordered: 0, corrupt: 0, overflowed: 0 })

export async function datagramFlows(to: string, { below, chance, pick, logarithmic }: Random, totals: DatagramTotals, stopping: AbortSignal): Promise<void> {
  while (!stopping.aborted) {
    const flows = logarithmic(1, 64)
    const size = pick(['24-1200', '24', '1200'])
    const seen = await verify(to, { flows, count: flows * logarithmic(4, 800), size, window: 1 + below(8), gso: chance(0.3) ? 1 : 0, patience: 5 })
    totals.flows += flows
    for (const name of ['sent', 'missing', 'duplicated', 'reordered', 'corrupt', 'overflowed'] as const) totals[name] += seen[name]
  }
}

/** None may be wrong. One may be missing where it is known who has dropped it: the relay, or a socket that was full. */
export function datagramFaults(totals: DatagramTotals, known: number): readonly string[] {
  const { missing, overflowed } = totals
  return [
    ...(['duplicated', 'reordered', 'corrupt'] as const).flatMap((name) => (totals[name] === 0 ? [] : [`datagrams: ${totals[name]} ${name}`])),
    ...(missing <= known + overflowed ? [] : [`datagrams: ${missing} missing, and only ${known + overflowed} known to have been dropped`]),
  ]
}
