/**
 * A server in TypeScript: the sink of the pipeline is a handler that gets the bytes and writes answers. It speaks lines:
 *
 *   npx millrace run examples/line-protocol-server.ts
 *   nc 127.0.0.1 7100
 *   ECHO hello        hello
 *   COUNT 3           1, 2, 3, one a line
 *   QUIT              closes
 *
 * COUNT may be asked for more lines than anyone wants to hold in memory: it stops when `write` says to wait, goes on at
 * `drain`, and takes no further command until it is through.
 */
import type { StreamSession } from 'millrace'
import { idleTimeout, listen, pipe, stream, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:7100' } = process.env
const maxLineBytes = 1024

const lines = stream(() => {
  let rest = ''
  let [next, last] = [1, 0] // COUNT is at work while next <= last
  let over = false

  function work(session: StreamSession): undefined {
    for (let answer = nextAnswer(); answer !== undefined; answer = nextAnswer()) {
      if (!session.write(answer)) continue
      session.pause() // `drain` calls work again
      return
    }
    if (over) session.end()
    else session.resume()
  }

  function nextAnswer(): string | undefined {
    if (next <= last) return `${next++}\n`
    const end = rest.indexOf('\n')
    if (end < 0) return rest.length > maxLineBytes ? quit('ERR the line is too long\n') : undefined
    const [command, argument = ''] = rest.slice(0, end).trimEnd().split(/ (.*)/s)
    rest = rest.slice(end + 1)
    if (command === 'ECHO') return `${argument}\n`
    if (command === 'QUIT') return quit('BYE\n')
    if (command !== 'COUNT' || !/^[1-9]\d{0,8}$/.test(argument)) return 'ERR say ECHO text, COUNT number or QUIT\n'
    ;[next, last] = [2, Number(argument)]
    return '1\n'
  }

  function quit(answer: string): string {
    over = true
    rest = ''
    return answer
  }

  return {
    data(session, chunk) {
      if (!over) rest += chunk.toString('latin1')
      work(session)
    },
    drain: work,
    end(session) {
      over = true // answers what is still to answer, then ends too
      work(session)
    },
  }
})

export default pipe(listen(tcp(LISTEN)), idleTimeout(300_000), lines)
