/** The matcher `httpPath`. */
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is an HTTP/1 request for one of these paths: `/api` alone, `/api/*` whatever begins so. Compared byte by byte with what was sent, without the query: nothing is
 * decoded and no `..` resolved, so it says where to go and not who may. Decided when the request line is there. Only the first request of a connection is looked at.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function httpPath(...paths: readonly string[]): Matcher<'stream'> {
  if (paths.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'httpPath', 'expected at least one path such as "/api" or "/api/*"')
  for (const path of paths) {
    if (typeof path === 'string' && /^\/[!-)+->@-~]*\*?$/.test(path)) continue
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'httpPath', `${shown(path)} is not a path: expected a slash and what may stand in a path, as it is sent, with a star only at the end`)
  }
  return { role: 'matcher', name: 'httpPath', shows: paths.join(', '), plan: { op: 'httpPath', paths: [...paths] } }
}
