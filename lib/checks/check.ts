/** What all checks of upstreams have in common. */
import { checkInteger, checkNames, formatMs, maxMs } from '../options.ts'
import type { Kind } from '../part.ts'
import type { PlanCheck } from '../plan.ts'

/** A check of the members of a set, made by `tcpCheck`, `sendExpect` or `dgramCheck`: plain data, which `serve` runs beside the data path. */
export type HealthCheck<K extends Kind> = {
  readonly role: 'check'
  readonly kind: K
  readonly plan: PlanCheck
}

/** When a check is made and what its results mean. */
export type CheckOptions = {
  /**
   * Milliseconds from one check to the next, 10 to 2147483647; default 2000. Each is up to a tenth shorter or longer, so that many checks do not come together.
   */
  readonly intervalMs?: number
  /** Milliseconds that a check may take, 1 to 2147483647; default 1000. Time in which this thread was busy with something else does not count. */
  readonly timeoutMs?: number
  /** Checks that have to pass in a row for a member that is down to be up again, 1 to 1000; default 2. */
  readonly rise?: number
  /**
   * Checks that have to fail in a row for a member that is up to be down, 1 to 1000; default 3. The very first check of a member decides alone. One that hangs is found out within `timeoutMs`, and `fall` times
   * 1.1 × `intervalMs`, or `timeoutMs` where that is longer.
   */
  readonly fall?: number
}

const names = ['intervalMs', 'timeoutMs', 'rise', 'fall']

/** Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION. */
export function checkTimes(node: string, options: CheckOptions, others: readonly string[] = []): Pick<PlanCheck, 'intervalMs' | 'timeoutMs' | 'rise' | 'fall'> {
  checkNames(node, options, [...others, ...names])
  const { intervalMs = 2_000, timeoutMs = 1_000, rise = 2, fall = 3 } = options
  checkInteger(node, 'intervalMs', intervalMs, { least: 10, most: maxMs, unit: 'ms' })
  checkInteger(node, 'timeoutMs', timeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  checkInteger(node, 'rise', rise, { least: 1, most: 1_000, unit: 'checks' })
  checkInteger(node, 'fall', fall, { least: 1, most: 1_000, unit: 'checks' })
  return { intervalMs, timeoutMs, rise, fall }
}

/** `tcpCheck every 2 s` */
export function showCheck({ name, intervalMs }: PlanCheck): string {
  return `${name} every ${formatMs(intervalMs)}`
}
