/** The stage `proxyProtocol`. */
import { parseNetworks } from '../address-file.ts'
import type { AddressFile } from '../address-file.ts'
import { misuse } from '../errors.ts'
import { checkInteger, checkNames, checkWord, formatMs, maxMs, shown } from '../options.ts'
import type { Kind, Stage } from '../part.ts'
import type { PlanProxyDialect } from '../plan.ts'

/** The options of `proxyProtocol`. */
export type ProxyProtocolOptions = {
  /** The proxies: networks such as `10.0.0.0/8`, addresses, or files of them, of which a peer has to be one for its header to be read. */
  readonly from: readonly (string | AddressFile)[]
  /**
   * `require` (default): a proxy that sends none is reset. `use`: it may send none. `ignore`: a header is taken away, and the session stays the proxy's. `reject`: who sends one is reset (`denied`).
   * But for `require`, a proxy without a header has to speak first.
   */
  readonly mode?: 'require' | 'use' | 'ignore' | 'reject'
  /** Of streams: milliseconds until the whole header has to be there, 1 to 2147483647; default 3000. */
  readonly timeoutMs?: number
  /** Of datagrams: each has a header, so that one port of a proxy may speak for many. The default. */
  readonly dialect?: 'every'
}

/** The options of `proxyProtocol` for proxies that say whom a flow is from in the datagram that begins it, and not again. */
export type FirstDatagramOptions = Pick<ProxyProtocolOptions, 'from'> & {
  /**
   * What follows from the same port of the proxy goes the same way, whatever it begins like, and no gate or matcher behind this stage is asked again, until the flow has ended. It is what `forward` writes with
   * `proxyDialect: 'first'`. Both sides have to have the same, or headers go on as payload. And both have to agree about when a flow ends: who sends on after it has ended here names himself, and a port that
   * the proxy uses again before has another's name. Prefer `every`.
   */
  readonly dialect: 'first'
  /** There is no other: what has no header where no flow has begun could be of anybody. */
  readonly mode?: 'require'
}

/** The longest header of version 2. */
const maxBytes = 16 + 65_535

/**
 * Reads the header of the PROXY protocol, version 1 or 2, that a proxy sends before everything else (HAProxy's doc/proxy-protocol.txt). From here on the session's downstream is whom the
 * proxy speaks for: for `allow`, `deny`, `limit`, `remoteAddress`, handlers, events and `forward(…, { proxyProtocol })`. LOCAL and UNKNOWN leave it the proxy. A header that is wrong
 * anywhere, also by its CRC32c, resets the session (`malformed`). What else it says, handlers of streams find in `session.proxy`: where the proxy was reached, and the TLVs. All that a header without an address has is skipped. Whoever is not in `from` is taken as it comes, its bytes unread.
 *
 * A datagram has its header, of version 2, within itself, and what is wrong with it drops that one: as `malformed`, or with `reject` as `policy`. It may name a client of TCP too. Each downstream that one port of
 * a proxy speaks for, with where that has sent to, is a flow, and answers go to that port. Whoever can send in the name of a proxy's address, which UDP does not prevent, can name anybody: only where nobody else can.
 *
 * Stands before `limit`, `inspect`, `decide` and `filterDatagrams`, which have to know who it is.
 * Throws ERR_MILLRACE_BAD_CIDR, ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function proxyProtocol(options: FirstDatagramOptions): Stage<'datagram'>
export function proxyProtocol(options: ProxyProtocolOptions): Stage<Kind>
export function proxyProtocol(options: ProxyProtocolOptions | FirstDatagramOptions): Stage<Kind> {
  checkNames('proxyProtocol', options, ['from', 'mode', 'timeoutMs', 'dialect'])
  const { from, mode = 'require', timeoutMs = 3_000, dialect = 'every' }: Omit<ProxyProtocolOptions, 'dialect'> & { readonly dialect?: PlanProxyDialect } = options
  if (!Array.isArray(from)) throw misuse('ERR_MILLRACE_BAD_OPTION', 'proxyProtocol', `from must be a list of CIDRs such as ["10.0.0.0/8"], not ${shown(from)}`)
  const { networks, shows } = parseNetworks('proxyProtocol', from)
  checkWord('proxyProtocol', 'mode', mode, ['require', 'use', 'ignore', 'reject'])
  checkWord('proxyProtocol', 'dialect', dialect, ['every', 'first'])
  if (dialect === 'first' && mode !== 'require') {
    throw misuse('ERR_MILLRACE_BAD_OPTION', 'proxyProtocol', `mode must be "require" with dialect "first", not "${mode}": what has no header where no flow has begun could be of anybody`)
  }
  if (dialect === 'first' && 'timeoutMs' in options) throw misuse('ERR_MILLRACE_BAD_OPTION', 'proxyProtocol', 'timeoutMs is not for dialect "first": a datagram is whole')
  checkInteger('proxyProtocol', 'timeoutMs', timeoutMs, { least: 1, most: maxMs, unit: 'ms' })
  const believed = `${mode} from ${shows}`
  const ofDatagrams = { shows: `${believed} with ${dialect === 'first' ? 'the first' : 'each'} datagram` }
  return {
    role: 'stage',
    name: 'proxyProtocol',
    shows: dialect === 'first' ? ofDatagrams.shows : `${believed} within ${formatMs(timeoutMs)}`,
    body: { step: 'proxyProtocol', from: networks, mode, dialect, head: { minBytes: 0, maxBytes, timeoutMs }, ofDatagrams },
  }
}
