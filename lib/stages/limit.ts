/** The stage `limit`. */
import { misuse } from '../errors.ts'
import { checkInteger, checkNames } from '../options.ts'
import type { Kind, Stage } from '../part.ts'

/** The options of `limit`: at least one. */
export type LimitOptions = {
  /** Sessions open at once, 1 to 2147483647; default no limit. */
  readonly maxSessions?: number
  /** Sessions open at once from one address, 1 to 2147483647; default no limit. A Unix peer has no address and is not counted. */
  readonly maxSessionsPerAddress?: number
  /** Sessions that may begin in a second, with a burst of one second's, 1 to 2147483647; default no limit. */
  readonly newSessionsPerSecond?: number
}

const names = ['maxSessions', 'maxSessionsPerAddress', 'newSessionsPerSecond'] as const

/**
 * Refuses sessions over a limit: they end with `limited` before a byte is read; datagrams that would begin a flow are dropped (`policy`). Each place of a `limit` in a pipeline counts for itself.
 * Throws ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function limit(options: LimitOptions): Stage<Kind> {
  checkNames('limit', options, names)
  const given = names.filter((name) => options[name] !== undefined)
  if (given.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'limit', `expected at least one of ${names.join(', ')}`)
  for (const name of given) checkInteger('limit', name, options[name], { least: 1, most: 2_147_483_647, unit: 'sessions' })
  const { maxSessions = 0, maxSessionsPerAddress = 0, newSessionsPerSecond = 0 } = options
  return {
    role: 'stage',
    name: 'limit',
    shows: given.map((name) => `${name} ${options[name]}`).join(', '),
    body: { step: 'limit', maxSessions, maxSessionsPerAddress, newSessionsPerSecond },
  }
}
