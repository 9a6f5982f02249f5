/**
 * Looks at the first line of a session, refuses what is not the FOO protocol and tells the upstream who is calling.
 *
 *   npx millrace run examples/sniff-and-rewrite.ts
 *   (in another terminal)  nc -l 127.0.0.1 7001
 *   printf 'HELO me\nmore\n' | nc 127.0.0.1 7000     the upstream reads: HELO proxy for=127.0.0.1:…, more
 *   printf 'GET /\n' | nc 127.0.0.1 7000             answers: 500 speak FOO, and closes
 *
 * After the verdict the native pump takes over: the rest of the session never enters JavaScript.
 */
import { encode, forward, inspect, listen, more, pipe, reject, replace, startsWith, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:7000', UPSTREAM = '127.0.0.1:7001' } = process.env
const newline = 0x0a

const rewriteHello = inspect({ maxBytes: 512, timeoutMs: 2_000 }, (head, session) => {
  // Refuse at the first wrong byte instead of waiting for a line that may never end.
  const begin = head.subarray(0, 'HELO '.length)
  if (!startsWith(encode('HELO '), begin)) return reject('not the FOO protocol', '500 speak FOO\n')
  const end = head.indexOf(newline)
  if (end < 0) return more()
  return replace(end + 1, encode(`HELO proxy for=${session.downstream}\n`))
})

export default pipe(listen(tcp(LISTEN)), rewriteHello, forward(tcp(UPSTREAM)))
