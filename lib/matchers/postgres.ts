/** The matcher `postgres`. */
import type { Matcher } from '../part.ts'

/** Whether the head begins with the first message of a PostgreSQL client: StartupMessage of protocol 3, SSLRequest, GSSENCRequest or CancelRequest. Decided by 8 bytes. TLS without asking first, as of PostgreSQL 17, is `alpn('postgresql')`. */
export function postgres(): Matcher<'stream'> {
  return { role: 'matcher', name: 'postgres', shows: '', plan: { op: 'postgres' } }
}
