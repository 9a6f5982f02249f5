/**
 * One address for a database and its standby: sessions go to the primary, and when that dies they are closed, so that clients connect anew and come to the standby.
 *
 *   npx millrace run examples/database-gateway.ts
 *   redis-cli -p 6380 set key value
 *
 * The primary is asked every CHECK_MS, with what a Redis answers; for other databases change `send` and `expect`. At most 100 sessions are with a server, and 50 more wait for up to two seconds.
 */
import { forward, keepAlive, listen, pipe, sendExpect, tcp, upstreams } from 'millrace'

const { LISTEN = '127.0.0.1:6380', PRIMARY = '10.0.0.1:6379', STANDBY = '10.0.0.2:6379', CHECK_MS = '500' } = process.env

export default pipe(
  listen(tcp(LISTEN)),
  keepAlive({ idleSeconds: 30 }),
  forward(
    upstreams([tcp(PRIMARY), { to: tcp(STANDBY), backup: true }], {
      health: sendExpect({ send: 'PING\r\n', expect: '+PONG', intervalMs: Number(CHECK_MS), timeoutMs: 400, fall: 2 }),
      closeOnUnhealthy: true,
      maxSessions: 100,
      queue: { maxSessions: 50, timeoutMs: 2_000 },
    }),
    { connectTimeoutMs: 1_000 },
  ),
)
