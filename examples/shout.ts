/**
 * Upper-cases what the upstream answers: every chunk of that direction goes through a function.
 *
 *   npx millrace run examples/shout.ts
 *   (in another terminal)  nc -l 127.0.0.1 7001     and type: hello
 *   nc 127.0.0.1 7000                               prints: HELLO
 *
 * The chunk is changed in place and goes on without a copy. It is cut anywhere, even within a character, so only single bytes
 * are looked at. What the downstream sends never enters JavaScript.
 */
import { forward, listen, pipe, tcp, transform } from 'millrace'

const { LISTEN = '127.0.0.1:7000', UPSTREAM = '127.0.0.1:7001' } = process.env

const shout = transform({
  toDownstream(chunk) {
    for (const [i, byte] of chunk.entries()) if (byte >= 0x61 && byte <= 0x7a) chunk[i] = byte - 0x20 // a to z
    return chunk
  },
})

export default pipe(listen(tcp(LISTEN)), shout, forward(tcp(UPSTREAM)))
