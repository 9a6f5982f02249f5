/**
 * The inner of two relays: only edge-relay.ts may call it, and the PROXY header that it must begin with says for whom.
 * The header is taken off by a module that edge-relay.ts uses too.
 *
 *   npx millrace run examples/inner-relay.ts      (and examples/edge-relay.ts in another terminal)
 *   curl http://127.0.0.1:8080/                   prints here: a session of 127.0.0.1:…
 *   curl http://127.0.0.1:9000/                   is closed: no PROXY header
 *   UPSTREAM=127.0.0.1:80 npx millrace run examples/inner-relay.ts
 */
import { allow, forward, listen, pipe, tcp } from 'millrace'
import { acceptProxyHeader } from './handlers/proxy-protocol.ts'

const { LISTEN = '127.0.0.1:9000', UPSTREAM = '127.0.0.1:3000' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  allow('127.0.0.0/8'),
  acceptProxyHeader((address) => console.log(`a session of ${address}`)),
  forward(tcp(UPSTREAM)),
)
