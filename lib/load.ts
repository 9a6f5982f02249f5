/** What load generators have measured. */
import { loadNumbers } from './native.ts'

/**
 * What the `generate` pipelines of a server have sent and what came back, added up; latencies, the time and the end are those of the
 * slowest.
 */
export type LoadReport = {
  /** Datagrams that the kernel took. */
  readonly sent: number
  /** Datagrams that came back, each once. */
  readonly received: number
  /** Datagrams that others have overtaken by far, or that did not come back to the end. */
  readonly lost: number
  /** Datagrams that came back after a later one. */
  readonly reordered: number
  /** Datagrams that came back again. */
  readonly duplicated: number
  /** Sends that the kernel refused. */
  readonly sendFailures: number
  /** How long it has been sending. */
  readonly seconds: number
  /** From sending to receiving, in microseconds; undefined where nothing came back, or datagrams have less than the 12 bytes that it takes. */
  readonly latencyUs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly p999: number; readonly max: number } | undefined
  /** Whether the time of all generators is over. */
  readonly finished: boolean
}

/** Makes a report of the rows of `readLoad`; undefined without a generator. */
export function loadOf(rows: readonly Float64Array[]): LoadReport | undefined {
  const all = rows.filter((row) => row[0] === 1)
  if (all.length === 0) return undefined
  const sum = (i: number): number => all.reduce((total, row) => total + (row[i] ?? 0), 0)
  const most = (i: number): number => Math.max(...all.map((row) => row[i] ?? 0))
  const [sent, received, lost, reordered, duplicated, sendFailures] = [sum(1), sum(2), sum(3), sum(4), sum(5), sum(6)]
  const latencyUs = most(12) === 0 ? undefined : { p50: most(8), p90: most(9), p99: most(10), p999: most(11), max: most(12) }
  return { sent, received, lost, reordered, duplicated, sendFailures, seconds: most(7), latencyUs, finished: all.every((row) => row[loadNumbers - 1] === 1) }
}
