/** An invented result of bench:peers. */
import type { Result, Round } from '../../bench/results.ts'

export function aResult({ ours, ...more }: Partial<Result> & { readonly ours?: readonly Round[] } = {}): Result {
  return {
    kind: 'peers',
    environment: { date: '2026-01-02', commit: 'abc1234', kernel: '6.18.1', congestion: 'cubic', cpu: 'A "fast" CPU', cores: 2, memoryGiB: 8, node: 'v20.19.0' },
    versions: { nginx: '1.2.3' },
    leftOut: { coturn: 'not installed' },
    options: { secs: 3, rounds: 3 },
    workloads: [
      {
        name: 'tcp.rr1', title: '64 B requests, 1 connection', unit: 'req/s', better: 'more', costUnit: 'CPU µs/request',
        subjects: {
          ours: { rounds: ours ?? [{ value: 100, cost: 10, p50Us: 5, p99Us: 9 }, { value: 110, cost: 11 }, { value: 105, cost: 10.5 }] },
          nginx: { rounds: [{ value: 80, cost: 20, lostPercent: 0.5, failed: 1 }] },
        },
      },
    ],
    ...more,
  }
}
