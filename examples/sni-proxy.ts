/**
 * One port for several TLS services: the name in the ClientHello picks the upstream, TLS itself stays end to end.
 *
 *   npx millrace run examples/sni-proxy.ts
 *   openssl s_client -connect 127.0.0.1:8443 -servername a.example      reaches UPSTREAM_A
 *   openssl s_client -connect 127.0.0.1:8443 -servername www.b.example  reaches UPSTREAM_B, from inside only
 *   openssl s_client -connect 127.0.0.1:8443 -servername c.example      is closed
 *
 * The ClientHello is read natively, across segments and TLS records; JavaScript sees nothing of it.
 */
import { allow, close, forward, listen, otherwise, pipe, route, sni, tcp, when } from 'millrace'

const { LISTEN = '127.0.0.1:8443', UPSTREAM_A = '10.0.0.1:443', UPSTREAM_B = '10.0.0.2:443' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  route(
    when(sni('a.example'), forward(tcp(UPSTREAM_A))),
    when(sni('*.b.example'), allow('127.0.0.0/8', '10.0.0.0/8'), forward(tcp(UPSTREAM_B))),
    otherwise(close()),
  ),
)
