/** The sink `stun`. */
import { misuse } from '../errors.ts'
import { checkBoolean, checkInteger, checkNames, shown } from '../options.ts'
import type { Kind, Sink } from '../part.ts'

/** The options of `stun`. */
export type StunOptions = {
  /** The SOFTWARE attribute of every answer, 1 to 128 bytes of UTF-8; default none, since it makes answers longer than what was asked. */
  readonly software?: string
  /** Whether every answer has a FINGERPRINT; default only those to requests that have one. */
  readonly fingerprint?: boolean
  /** Whether requests of RFC 3489, without the magic cookie, are answered too, with MAPPED-ADDRESS; default false. */
  readonly rfc3489?: boolean
  /**
   * Answers a second to one IPv4 address or one /64 of IPv6, 1 to 1000000, a second's worth of them at once; default any number. What is not answered
   * costs nothing of it. A datagram beyond it is dropped (`policy`), over TCP the session is reset (`limited`). Addresses share 16384 places, so the memory
   * stays the same whoever asks; those that fall on one place share a budget, and who has very many addresses, or forges them, can use up everybody's.
   * Each pipeline of each server counts for itself.
   */
  readonly ratePerAddress?: number
}

/**
 * Answers STUN Binding requests (RFC 8489) with the address that they came from, natively, over UDP and TCP. Nothing is kept of whom it answered. An unknown attribute
 * that has to be understood is answered with 420; what is malformed or longer than 2048 bytes, an indication or a response is met with silence, and over TCP ends the session as
 * `malformed` where no message begins. There is no authentication, and no change of address (RFC 5780).
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function stun(options: StunOptions = {}): Sink<Kind> {
  checkNames('stun', options, ['software', 'fingerprint', 'rfc3489', 'ratePerAddress'])
  const { software = '', fingerprint = false, rfc3489 = false, ratePerAddress = 0 } = options
  if (options.software !== undefined) checkSoftware(options.software)
  checkBoolean('stun', 'fingerprint', fingerprint)
  checkBoolean('stun', 'rfc3489', rfc3489)
  if (options.ratePerAddress !== undefined) checkInteger('stun', 'ratePerAddress', ratePerAddress, { least: 1, most: 1_000_000, unit: 'answers a second' })
  const shows = [
    ...(software === '' ? [] : [`software ${JSON.stringify(software)}`]),
    ...(fingerprint ? ['fingerprint'] : []),
    ...(rfc3489 ? ['rfc3489'] : []),
    ...(ratePerAddress === 0 ? [] : [`at most ${ratePerAddress}/s an address`]),
  ].join(', ')
  return { role: 'sink', name: 'stun', shows, body: { step: 'stun', options: { software, fingerprint, rfc3489, ratePerAddress } } }
}

function checkSoftware(software: unknown): void {
  const bytes = typeof software === 'string' ? Buffer.byteLength(software) : 0
  if (bytes < 1 || bytes > 128) throw misuse('ERR_MILLRACE_BAD_OPTION', 'stun', `software must be a text of 1 to 128 bytes, not ${typeof software === 'string' ? `one of ${bytes}` : shown(software)}`)
}
