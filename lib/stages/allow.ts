/** The stage `allow`. */
import { parseNetworks } from '../address-file.ts'
import type { AddressFile } from '../address-file.ts'
import type { Kind, Stage } from '../part.ts'

/**
 * Lets in only sessions whose downstream is in one of these networks, or of those in a `file`; the others end with `denied` before a byte is read, and datagrams of
 * others are dropped (`policy`). An IPv4 network holds a peer that a dual-stack listener reports as IPv4-mapped, and a Unix peer is in none.
 * Throws ERR_MILLRACE_BAD_CIDR and, without any, ERR_MILLRACE_BAD_OPTION.
 */
export function allow(...cidrs: readonly (string | AddressFile)[]): Stage<Kind> {
  const { networks, shows } = parseNetworks('allow', cidrs)
  return { role: 'stage', name: 'allow', shows, body: { step: 'allow', networks } }
}
