/** The matcher `ssh`. */
import type { Matcher } from '../part.ts'

/** Whether the head begins with the identification of an SSH client, `SSH-2.0-…` (RFC 4253 section 4.2). A client that waits for the server to speak first is not known by it. */
export function ssh(): Matcher<'stream'> {
  return { role: 'matcher', name: 'ssh', shows: '', plan: { op: 'ssh' } }
}
