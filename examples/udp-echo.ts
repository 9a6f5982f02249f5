/**
 * Sends every datagram back, in TypeScript: one call for all that has come in a turn of the loop, however many peers it came from.
 *
 *   npx millrace run examples/udp-echo.ts
 *   nc -u 127.0.0.1 7007                        what you type comes back
 *   npx millrace blast udp://127.0.0.1:7007 --flows 16 --size 800 --window 64
 *   npx millrace explain examples/udp-echo.ts   the echo is on the byte path, and says so
 *
 * `batch` gives the same cursor again and again and `bytes` is a view of what the kernel wrote, so nothing is allocated or copied for
 * a datagram: what goes back is sent from where it lies. Both are good only until the handler returns.
 */
import { datagrams, idleTimeout, listen, pipe, udp } from 'millrace'

const { LISTEN = '127.0.0.1:7007' } = process.env

const echo = datagrams((batch) => {
  for (const datagram of batch) batch.reply(datagram, datagram.bytes)
})

export default pipe(listen(udp(LISTEN)), idleTimeout(30_000), echo)
