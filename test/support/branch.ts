/** For matchers: what one says to a downstream, seen from how a `route` ends the session. */
import { setImmediate as turn } from 'node:timers/promises'
import { close, listen as from, otherwise, pipe, reset, route, tcp, when, type Matcher } from '../../lib/index.ts'
import { connect, type ConnectOptions } from './peers.ts'
import { withRelay, type Thread } from './relay.ts'
import { deadlineMs } from './until.ts'

/** `more` where the matcher has not decided once the relay has read all the pieces. */
export type Answer = 'yes' | 'no' | 'more'

export type Asking = ConnectOptions & {
  readonly pieces?: readonly (string | Uint8Array)[]
  /** Whether a FIN comes behind the pieces. */
  readonly fin?: boolean
  /** An IP address; an IPv6 one in brackets. */
  readonly listenAt?: string
}

export async function answerOf(matcher: Matcher<'stream'>, thread: Thread, asking: Asking = {}): Promise<Answer> {
  const { pieces = [], fin = false, listenAt = '127.0.0.1', ...options } = asking
  const pipeline = pipe(from(tcp(`${listenAt}:0`)), route(when(matcher, close()), otherwise(reset())))
  let answer: Answer | undefined
  await withRelay(pipeline, { thread }, async (relay) => {
    const downstream = await connect(relay.address, options)
    // Who has been decided about has nothing more to send: its session ends.
    void downstream.readAll().then(() => downstream.end()).catch(() => undefined)
    for (const piece of pieces) await downstream.send(piece).catch(() => undefined)
    if (fin) await downstream.end().catch(() => undefined)
    const size = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).length
    const undecided = async (): Promise<boolean> => {
      if (fin || relay.server.ledger().toUpstream.pending !== size) return false
      return (await relay.server.sessions())[0]?.state === 'head'
    }
    const deadline = performance.now() + deadlineMs
    while (answer === undefined) {
      if (performance.now() > deadline) throw new Error(`the matcher has not decided within ${deadlineMs} ms`)
      const [event] = relay.events.filter(({ type }) => type === 'close')
      if (event?.type === 'close') answer = event.reason === 'closedByPlan' ? 'yes' : 'no'
      else if (await undecided()) answer = 'more'
      await turn()
    }
  })
  return answer ?? 'more'
}
