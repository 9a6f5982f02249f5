/**
 * One port for several TLS services, each with servers of its own: the name in the ClientHello picks the set, the set picks a server that is up.
 *
 *   npx millrace run examples/sni-router.ts
 *   openssl s_client -connect 127.0.0.1:8443 -servername shop.example   reaches one of SHOP, and a client always the same
 *   openssl s_client -connect 127.0.0.1:8443 -servername api.example    reaches one of API, the one with the fewest sessions
 *
 * A server is checked every CHECK_MS; one that is down gets no session until it is back; one of API gets slowly more then. Where all are down a client is told at once.
 */
import { close, forward, listen, otherwise, pipe, route, sni, tcp, tcpCheck, upstreams, when } from 'millrace'

const { LISTEN = '127.0.0.1:8443', SHOP = '10.0.0.1:443,10.0.0.2:443,10.0.0.3:443', API = '10.0.1.1:443,10.0.1.2:443', CHECK_MS = '2000' } = process.env

const health = tcpCheck({ intervalMs: Number(CHECK_MS), fall: 2 })
const servers = (list: string) => list.split(',').map((address) => tcp(address))

export default pipe(
  listen(tcp(LISTEN)),
  route(
    when(sni('shop.example'), forward(upstreams(servers(SHOP), { balance: 'maglev', health }))),
    when(sni('api.example'), forward(upstreams(servers(API), { balance: 'leastSessions', health, slowStartMs: 30_000 }))),
    otherwise(close()),
  ),
)
