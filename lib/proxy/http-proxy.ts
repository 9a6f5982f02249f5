/** An HTTP proxy on the way, for `via`. */
import type { ProxyLogin, Via } from './via.ts'
import { viaOf } from './via.ts'

/**
 * The HTTP proxy at this address, such as `127.0.0.1:3128`, to go through by CONNECT (RFC 9110 section 9.3.6; with a user RFC 7617). What it is asked for by name it resolves itself.
 * Throws ERR_MILLRACE_BAD_ADDRESS, ERR_MILLRACE_BAD_OPTION and ERR_MILLRACE_UNKNOWN_OPTION.
 */
export function httpProxy(address: string, options: ProxyLogin = {}): Via {
  return viaOf('httpProxy', 'httpConnect', address, options)
}
