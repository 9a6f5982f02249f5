/** A SOCKS5 proxy on the way, for `via`. */
import type { ProxyLogin, Via } from './via.ts'
import { viaOf } from './via.ts'

/**
 * The SOCKS5 proxy at this address, such as `127.0.0.1:1080`, to go through (RFC 1928; with a user RFC 1929). What it is asked for by name it resolves itself.
 * Throws ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function socks5Proxy(address: string, options: ProxyLogin = {}): Via {
  return viaOf('socks5Proxy', 'socks5', address, options)
}
