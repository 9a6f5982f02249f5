/** The sink `socks5`. */
import { checkBoolean, checkObject } from '../options.ts'
import type { Sink } from '../part.ts'
import { proxySink } from '../proxy/server.ts'
import type { ProxyOptions } from '../proxy/server.ts'

/** The options of `socks5`. */
export type Socks5Options = ProxyOptions & {
  /**
   * Whether clients may have their datagrams relayed (UDP ASSOCIATE), default false. Each that asks has a UDP port at the address which it has reached us at, for as long as its TCP connection lasts; only its own address is
   * heard there, and of others only those that it has sent something to. Destinations have the same rules, fragments are dropped, `throttle` drops what is over the rate. The ledger counts these datagrams beside the streams' bytes.
   * Not through `via`, and not where a `transform` would have to see them.
   */
  readonly udp?: boolean
}

/**
 * A SOCKS5 server (RFC 1928, logins by RFC 1929): goes where each client asks, by IPv4, IPv6 or name (CONNECT), and relays both ways, natively; what a client sends before it has its answer is kept for its destination.
 * A name is resolved off the loop, and the addresses that were checked are those that are dialled. Private, local and reserved addresses, and those of this machine, are refused unless `allow` has them; so is a name that has
 * one of them among others. Refusals are said in the reply, failures to connect too, and the session then ends.
 * Throws ERR_MILLRACE_BAD_OPTION, ERR_MILLRACE_BAD_CIDR, ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_UNKNOWN_OPTION and ERR_MILLRACE_BAD_PIPELINE; `pipe` throws ERR_MILLRACE_OPEN_PROXY where it would be open to whoever reaches it.
 */
export function socks5(options: Socks5Options = {}): Sink<'stream'> {
  checkObject('socks5', 'options', options)
  const udp = options.udp ?? false
  checkBoolean('socks5', 'udp', udp)
  return proxySink({ node: 'socks5', dialect: 'socks5', udp, ports: { ports: [], closedPorts: [25] }, maxBytes: 16_384 }, options)
}
