/** The matcher `quic`. */
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, shown } from '../options.ts'
import type { Matcher } from '../part.ts'

/** The options of `quic`. */
export type QuicOptions = {
  /**
   * Versions of QUIC, 1 to 4294967295, at least one and at most 64; default 1 and 0x6b3343cf, which is version 2. Those two are read as far as an Initial packet can be read
   * without its keys; of others only the header that all versions have.
   */
  readonly versions?: readonly number[]
}

const [version1, version2] = [1, 0x6b3343cf]

/**
 * Whether the datagram is what a QUIC client begins with, HTTP/3 for one: an Initial packet in at least 1200 bytes (RFC 9000 section 17.2.2, RFC 9369), or a packet of a version that is
 * reserved to keep servers answering to versions they do not know (RFC 9000 section 15).
 *
 * What follows does not say that it is QUIC, so in a `route` a flow keeps the branch in which `quic` has begun it: all datagrams of its peer that no `when` before it takes go
 * the same way, until the flow ends. So the `idleTimeout` there has to be longer than that of the connections (60 s are the default here, 30 s are usual there). A client whose address
 * or port changes under way is a new peer, and what it sends then is matched by nothing here. `not(quic())` could not keep a flow, and is refused.
 *
 * The server name is encrypted, and stays unknown. Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function quic(options: QuicOptions = {}): Matcher<'datagram'> {
  checkNames('quic', options, ['versions'])
  const versions = checkVersions(options.versions ?? [version1, version2])
  const shows = options.versions === undefined ? '' : versions.map(nameOf).join(', ')
  return { role: 'matcher', name: 'quic', shows, plan: { op: 'quic', versions } }
}

function checkVersions(given: unknown): readonly number[] {
  if (!Array.isArray(given) || given.length < 1 || given.length > 64) {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'quic', `versions must be an array of 1 to 64 numbers such as [1, 0x6b3343cf], not ${shown(given)}`)
  }
  const versions: readonly unknown[] = given
  return versions.map((version) => checkInteger('quic', 'versions: a version', version, { least: 1, most: 0xffffffff, unit: '' }))
}

function nameOf(version: number): string {
  return version === version2 ? '2' : version < 256 ? String(version) : `0x${version.toString(16).padStart(8, '0')}`
}
