/**
 * A SOCKS5 server for two users: guest has 1 MB/s in each session and five sessions at once, admin may have all there is. Both get to what is public and into one private network; everything else that is
 * private, or belongs to this machine, is refused, by whatever name it is asked for.
 *
 *   GUEST_PASSWORD=secret ADMIN_PASSWORD=other npx millrace run examples/socks5-server.ts --log
 *   curl --socks5-hostname guest:secret@127.0.0.1:1080 https://example.com/
 *   ssh -o ProxyCommand='ncat --proxy 127.0.0.1:1080 --proxy-type socks5 --proxy-auth admin:other %h %p' 10.0.0.5
 *
 * Handshakes are spoken natively and bytes moved natively; only names are resolved in JavaScript, off the loop.
 */
import { deny, limit, listen, maxDuration, pipe, socks5, tcp, throttle, user } from 'millrace'

const { LISTEN = '127.0.0.1:1080', GUEST_PASSWORD = 'guest', ADMIN_PASSWORD = 'admin', ALLOW = '0.0.0.0/0,::/0,10.0.0.0/8', NOT_FROM = '192.0.2.0/24' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  deny(NOT_FROM),
  socks5({
    auth: [
      user('guest', GUEST_PASSWORD, throttle({ bytesPerSecond: 1_000_000 }), limit({ maxSessions: 5 }), maxDuration(3_600_000)),
      user('admin', ADMIN_PASSWORD),
    ],
    allow: ALLOW.split(','),
  }),
)
