/** The options that all parts with a head have in common. */
import { misuse } from './errors.ts'
import { checkInteger, checkNames, formatMs, maxMs } from './options.ts'
import type { PlanHead } from './plan.ts'

/** When a handler is called for the head of a session, and how long that may take. */
export type HeadOptions = {
  /** Bytes to wait for before the first call, 0 to `maxBytes`; default 1 for `inspect`, 0 for `decide` and `choose`. */
  readonly minBytes?: number
  /** Bytes of the head at most, 1 to 65536; default 16384. */
  readonly maxBytes?: number
  /** Milliseconds until the verdict has to be there, whatever comes meanwhile, 1 to 2147483647; default 3000 for `inspect`, else 5000. */
  readonly timeoutMs?: number
}

/** What `route` uses, which has no options. */
export const routeHead: PlanHead = { minBytes: 0, maxBytes: 16_384, timeoutMs: 3_000 }

/** Checks the options of a head and fills in the defaults. */
export function headOf(node: string, options: HeadOptions, defaults: { readonly minBytes: number; readonly timeoutMs: number }): PlanHead {
  checkNames(node, options, ['minBytes', 'maxBytes', 'timeoutMs'])
  const { minBytes = defaults.minBytes, maxBytes = 16_384, timeoutMs = defaults.timeoutMs } = options
  checkInteger(node, 'maxBytes', maxBytes, { least: 1, most: 65_536, unit: 'bytes' })
  checkInteger(node, 'minBytes', minBytes, { least: 0, most: 65_536, unit: 'bytes' })
  if (minBytes > maxBytes) throw misuse('ERR_MILLRACE_BAD_OPTION', node, `minBytes must be at most maxBytes, ${maxBytes}, not ${minBytes}`)
  checkInteger(node, 'timeoutMs', timeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  return { minBytes, maxBytes, timeoutMs }
}

/** `head of 1 to 512 bytes within 2 s`. */
export function showHead({ minBytes, maxBytes, timeoutMs }: PlanHead): string {
  return `head of ${minBytes} to ${maxBytes} bytes within ${formatMs(timeoutMs)}`
}
