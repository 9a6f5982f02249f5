/**
 * A server in TypeScript: the sink of the pipeline is a handler that gets the bytes and writes answers. It speaks lines:
 *
 *   npx millrace run examples/line-protocol-server.ts
 *   nc 127.0.0.1 7100         ECHO hello gives hello; COUNT 3 gives 1, 2, 3, one a line; QUIT closes
 * COUNT may be asked for more lines than anyone wants to hold in memory: it stops when `write` says to wait, goes on at
 * `drain`, and takes no further command until it is through.
 */
import { idleTimeout, listen, pipe, stream, tcp, type StreamSession } from 'millrace'

const { LISTEN = '127.0.0.1:7100' } = process.env
const maxLineBytes = 1024

const lines = stream(() => {
  let rest = ''
  let [next, last] = [1, 0] // COUNT is at work while next <= last
  let over = false

  function work(session: StreamSession): undefined {
    let answer = nextAnswer()
    while (answer !== undefined && !session.write(answer)) answer = nextAnswer()
    if (answer !== undefined) session.pause() // `drain` calls work again
    else if (over) session.end()
    else session.resume()
  }

  function nextAnswer(): string | undefined {
    if (next <= last) {
      const from = next
      next = Math.min(last + 1, from + 1000) // many a write, since every write goes to the kernel
      return Array.from({ length: next - from }, (_, i) => `${from + i}\n`).join('')
    }
    const end = rest.indexOf('\n')
    if (end < 0 && rest.length <= maxLineBytes) return undefined
    const [, command, argument = ''] = /^(\S*) ?(.*?)\r?$/.exec(rest.slice(0, end)) ?? []
    rest = rest.slice(end + 1)
    if (command === 'QUIT' || end < 0) {
      ;[over, rest] = [true, '']
      return end < 0 ? 'ERR the line is too long\n' : 'BYE\n'
    }
    if (command === 'ECHO') return `${argument}\n`
    if (command !== 'COUNT' || !/^[1-9]\d{0,8}$/.test(argument)) return 'ERR say ECHO text, COUNT number or QUIT\n'
    ;[next, last] = [1, Number(argument)]
    return nextAnswer()
  }

  return {
    data(session, chunk) {
      if (!over) rest += chunk.toString('latin1')
      work(session)
    },
    drain: work,
    end(session) {
      over = true // what is still to answer is answered, then we end too
      work(session)
    },
  }
})

export default pipe(listen(tcp(LISTEN)), idleTimeout(300_000), lines)
