/**
 * Between proxies that say whom they speak for: takes the PROXY header of those in front, lets in whom it names, and tells the server behind.
 *
 *   npx millrace run examples/behind-a-proxy.ts --log
 *   curl --haproxy-protocol http://127.0.0.1:8080/     behind nginx: server { listen 127.0.0.1:8081 proxy_protocol; … }
 *
 * Only proxies in PROXIES are believed, and each has to send a header; whoever else connects is itself. From proxyProtocol on the downstream is whom the header
 * names: for allow, for limit, in the log, and in the header that goes to the server. All of it is native.
 */
import { allow, forward, limit, listen, pipe, proxyProtocol, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:8080', UPSTREAM = '127.0.0.1:8081', PROXIES = '127.0.0.0/8,10.0.0.0/8', CLIENTS = '0.0.0.0/0,::/0' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  proxyProtocol({ from: PROXIES.split(',') }),
  allow(...CLIENTS.split(',')),
  limit({ maxSessionsPerAddress: 100 }),
  forward(tcp(UPSTREAM), { proxyProtocol: 2 }),
)
