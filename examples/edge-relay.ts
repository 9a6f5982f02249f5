/**
 * The outer of two relays: it takes sessions from anywhere and tells the inner one, through a PROXY header, who is calling.
 * The header comes from a module that inner-relay.ts uses too.
 *
 *   npx millrace run examples/edge-relay.ts       (and examples/inner-relay.ts in another terminal)
 *   curl http://127.0.0.1:8080/                   inner-relay prints: a session of 127.0.0.1:…
 *   LISTEN=0.0.0.0:80 npx millrace run examples/edge-relay.ts
 */
import { forward, idleTimeout, limit, listen, pipe, tcp } from 'millrace'
import { sendProxyHeader } from './handlers/proxy-protocol.ts'

const { LISTEN = '127.0.0.1:8080', UPSTREAM = '127.0.0.1:9000' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  limit({ maxSessionsPerAddress: 100 }),
  idleTimeout(600_000),
  sendProxyHeader(),
  forward(tcp(UPSTREAM)),
)
