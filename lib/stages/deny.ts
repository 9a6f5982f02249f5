/** The stage `deny`. */
import { parseCidrs } from '../address.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Keeps out sessions whose downstream is in one of these networks: they end with `denied` before a byte is read, and their datagrams are
 * dropped (`policy`). A Unix peer is in no network and goes on.
 * Throws ERR_MILLRACE_BAD_CIDR and, without any, ERR_MILLRACE_BAD_OPTION.
 */
export function deny(...cidrs: readonly string[]): Stage<Kind> {
  const networks = parseCidrs('deny', cidrs)
  return { role: 'stage', name: 'deny', shows: networks.join(', '), body: { step: 'deny', cidrs: networks } }
}
