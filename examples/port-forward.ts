/**
 * A port-forward that only lets a private network in. No byte of it enters JavaScript.
 *
 *   npx millrace run examples/port-forward.ts
 *   curl http://127.0.0.1:8080/            what 10.0.3.14:1592 serves
 *   npx millrace explain examples/port-forward.ts
 *
 * LISTEN and UPSTREAM choose other addresses: UPSTREAM=127.0.0.1:3000 npx millrace run examples/port-forward.ts
 */
import { allow, forward, idleTimeout, keepAlive, listen, pipe, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:8080', UPSTREAM = '10.0.3.14:1592' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  allow('127.0.0.0/8', '10.0.0.0/8', '192.168.1.0/24'),
  idleTimeout(600_000),
  keepAlive({ idleSeconds: 60 }),
  forward(tcp(UPSTREAM), { connectTimeoutMs: 2_000 }),
)
