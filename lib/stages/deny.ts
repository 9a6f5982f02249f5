/** The stage `deny`. */
import { parseNetworks } from '../address-file.ts'
import type { AddressFile } from '../address-file.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Keeps out sessions whose downstream is in one of these networks, or of those in a `file`: they end with `denied` before a byte is read, and their datagrams are
 * dropped (`policy`). A Unix peer is in no network and goes on.
 * Throws ERR_MILLRACE_BAD_CIDR and, without any, ERR_MILLRACE_BAD_OPTION.
 */
export function deny(...cidrs: readonly (string | AddressFile)[]): Stage<Kind> {
  const { networks, shows } = parseNetworks('deny', cidrs)
  return { role: 'stage', name: 'deny', shows, body: { step: 'deny', networks } }
}
