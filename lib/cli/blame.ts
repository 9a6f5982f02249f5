/** Whose handler has thrown, and what. */
import type { Session } from '../session.ts'

export function whose(session: Session | undefined): string {
  return session === undefined ? 'a handler of datagrams' : `session ${session.id} of ${session.downstream}`
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
