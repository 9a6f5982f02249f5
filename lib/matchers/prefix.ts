/** The matcher `prefix`. */
import { misuse } from '../errors.ts'
import { checkBytes } from '../options.ts'
import type { Kind, Matcher } from '../part.ts'

/**
 * Whether the head, or the datagram, begins with these bytes, 1 to 16384 of them; text stands for its UTF-8. No at the first byte that differs.
 * Throws ERR_MILLRACE_BAD_OPTION.
 */
export function prefix(text: string | Uint8Array): Matcher<Kind> {
  const bytes = Uint8Array.from(checkBytes('prefix', 'the prefix', text))
  if (bytes.length < 1 || bytes.length > 16_384) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'prefix', `the prefix must be 1 to 16384 bytes long, not ${bytes.length}`)
  }
  const shows = typeof text === 'string' ? JSON.stringify(text) : `0x${Buffer.from(bytes).toString('hex')}`
  return { role: 'matcher', name: 'prefix', shows: shows.length > 60 ? `${shows.slice(0, 57)}...` : shows, plan: { op: 'prefix', bytes } }
}
