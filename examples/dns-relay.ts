/**
 * A DNS relay for a local network. A question is a flow of its own that ends with the answer, so its descriptor is free again at once
 * and not after an idle minute. What does not fit into a datagram is asked again over TCP (RFC 7766), so that is relayed too.
 *
 *   npx millrace run examples/dns-relay.ts
 *   dig @127.0.0.1 -p 5353 example.com
 *   dig @127.0.0.1 -p 5353 +tcp example.com
 *   LISTEN=0.0.0.0:53 UPSTREAM=10.0.0.2:53 npx millrace run examples/dns-relay.ts --stats 1s
 *
 * No byte of it enters JavaScript.
 */
import { allow, forward, idleTimeout, listen, pipe, tcp, udp } from 'millrace'

const { LISTEN = '127.0.0.1:5353', UPSTREAM = '9.9.9.9:53' } = process.env

const ours = allow('127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16')

export default [
  // The cap keeps one address from using up what all share; an unanswered question is given up after five seconds.
  pipe(listen(udp(LISTEN), { maxFlowsPerAddress: 1_000 }), ours, idleTimeout(5_000), forward(udp(UPSTREAM), { responses: 1 })),
  pipe(listen(tcp(LISTEN)), ours, idleTimeout(10_000), forward(tcp(UPSTREAM))),
]
