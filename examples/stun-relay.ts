/**
 * One UDP port for WebRTC behind a firewall that opens no second one: who asks by STUN is told its address, everything else is relayed to
 * the media server, the connectivity checks of ICE too: they carry credentials that only the media server can check. STUN is answered natively, from
 * the slot that the request came in, and costs no flow and no memory for whoever asks; the budget keeps a forged sender from having us talk to
 * somebody else all day. A question that is answered here does not keep the asker's media flow from going idle.
 *
 *   npx millrace run examples/stun-relay.ts --stats 1s
 *   turnutils_stunclient -p 3478 127.0.0.1                     (Debian: coturn) prints the address that it is seen with
 *   LISTEN=0.0.0.0:3478 UPSTREAM=10.0.0.3:3478 npx millrace run examples/stun-relay.ts
 *
 * No byte of it enters JavaScript. `millrace stun udp://0.0.0.0:3478` is a STUN server alone.
 */
import { forward, idleTimeout, listen, otherwise, pipe, route, stun, stunBinding, udp, when } from 'millrace'

const { LISTEN = '127.0.0.1:3478', UPSTREAM = '127.0.0.1:5004' } = process.env

export default pipe(
  listen(udp(LISTEN), { maxFlowsPerAddress: 16 }),
  route(
    when(stunBinding(), stun({ ratePerAddress: 100 })),
    otherwise(idleTimeout(30_000), forward(udp(UPSTREAM))),
  ),
)
