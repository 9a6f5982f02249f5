/** The matcher `alpn`. */
import { misuse } from '../errors.ts'
import { shown } from '../options.ts'
import type { Matcher } from '../part.ts'

/**
 * Whether the head is a TLS ClientHello that offers one of these protocols (RFC 7301 section 3.1), alone or among others: `alpn('h2')`, `alpn('acme-tls/1')`.
 * A protocol is 1 to 255 bytes of UTF-8, compared byte by byte. Of a list longer than 256 bytes the beginning counts.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function alpn(...protocols: readonly string[]): Matcher<'stream'> {
  if (protocols.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', 'alpn', 'expected at least one protocol such as "h2"')
  for (const protocol of protocols) {
    const bytes = typeof protocol === 'string' ? Buffer.byteLength(protocol) : 0
    if (bytes < 1 || bytes > 255) throw misuse('ERR_MILLRACE_BAD_OPTION', 'alpn', `${shown(protocol)} is not a protocol: expected 1 to 255 bytes such as "h2" or "http/1.1"`)
  }
  return { role: 'matcher', name: 'alpn', shows: protocols.join(', '), plan: { op: 'alpn', protocols: [...protocols] } }
}
