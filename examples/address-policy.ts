/**
 * Asks a policy service about every address before its session goes anywhere: 2xx lets it in, anything else does not.
 *
 *   POLICY=http://127.0.0.1:9900/ npx millrace run examples/address-policy.ts
 *   curl http://127.0.0.1:8080/       the service sees GET /?address=127.0.0.1, its answer decides
 *
 * `decide` may take its time, only its own session waits. The signal aborts the question when the caller is gone or the
 * time is up, and where the service cannot be asked nobody is let in.
 */
import { decide, forward, listen, pass, pipe, reject, tcp } from 'millrace'

const { LISTEN = '127.0.0.1:8080', UPSTREAM = '127.0.0.1:3000', POLICY = 'http://127.0.0.1:9900/' } = process.env

const askPolicy = decide({ timeoutMs: 2_000 }, async (_head, session, signal) => {
  const question = new URL(POLICY)
  question.searchParams.set('address', session.downstream.replace(/:\d+$/, ''))
  try {
    const answer = await fetch(question, { signal })
    return answer.ok ? pass() : reject(`the policy says ${answer.status}`)
  } catch (error) {
    return reject(`no policy: ${String(error)}`)
  }
})

export default pipe(listen(tcp(LISTEN)), askPolicy, forward(tcp(UPSTREAM)))
