/**
 * A relay for media in front of a server that hands out ports: every port of a range goes to the port at the same place in the
 * server's range, and RTP, RTCP and whatever else is in the datagrams passes as it is.
 *
 *   npx millrace run examples/media-relay.ts
 *   npx millrace blast udp://127.0.0.1:20000 --rate 1kpps --size 160      arrives at 10.0.0.3:30000
 *   LISTEN=0.0.0.0:20000-29999 UPSTREAM=10.0.0.3:30000-39999 npx millrace run examples/media-relay.ts --stats 1s
 *
 * Both ranges need the same number of ports. A call that has fallen silent for half a minute is over, whoever forgot to say so; and no
 * flow may send more than a call does, which drops what exceeds it and leaves the others alone.
 */
import { forward, idleTimeout, listen, pipe, throttle, udp } from 'millrace'

const { LISTEN = '127.0.0.1:20000-20099', UPSTREAM = '10.0.0.3:30000-30099' } = process.env

export default pipe(
  listen(udp(LISTEN), { maxFlowsPerAddress: 200 }),
  idleTimeout(30_000),
  throttle({ bytesPerSecond: 1_250_000, burstBytes: 262_144 }), // 10 Mbit/s, and a key frame at once
  forward(udp(UPSTREAM)),
)
