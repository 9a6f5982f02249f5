/** The sink `httpConnect`. */
import type { Sink } from '../part.ts'
import { proxySink } from '../proxy/server.ts'
import type { ProxyOptions } from '../proxy/server.ts'

/**
 * An HTTP proxy for tunnels (CONNECT, RFC 9110 section 9.3.6; logins by `Proxy-Authorization: Basic`, RFC 7617): goes where each client asks and relays both ways, natively; what a client sends behind its request is kept for
 * its destination. Destinations are those of `socks5`, and the port is 443 unless `ports` says otherwise. Its answers are 200 once connected, 400 for what is no CONNECT that everybody would read the same way, 403 for
 * what is not allowed, 405 for other methods (what does not begin like an HTTP/1 request, its method in capitals, is reset), 407 without a login, 431 for a head over 16384 bytes, 502 and 504 where the destination cannot be reached; whatever is not 200 ends the session.
 * Throws as `socks5` does.
 */
export function httpConnect(options: ProxyOptions = {}): Sink<'stream'> {
  return proxySink({ node: 'httpConnect', dialect: 'httpConnect', udp: false, ports: { ports: [[443, 443]], closedPorts: [] }, maxBytes: 16_384 }, options)
}
