/** Clients that open one session after the other until they are told to stop, and say what became of each. */
import net from 'node:net'
import { destination } from './peers.ts'

/** A session that ended with all of its answer, or with an error. */
export type Outcome = { readonly answer: string; readonly error: string | undefined; readonly tookMs: number }

export type SessionLoad = {
  readonly outcomes: readonly Outcome[]
  /** Lets the open sessions end. */
  readonly stop: () => Promise<void>
}

/** One session: a line there, a line back, FIN both ways. */
export function oneSession(address: string): Promise<Outcome> {
  const begun = performance.now()
  return new Promise((resolve) => {
    const socket = net.connect({ ...destination(address), noDelay: true })
    let answer = ''
    let error: string | undefined
    socket.on('connect', () => socket.write('ping\n'))
    socket.on('data', (bytes) => {
      answer += bytes.toString('latin1')
      if (answer.endsWith('\n')) socket.end()
    })
    socket.on('error', (failure: NodeJS.ErrnoException) => { error = failure.code ?? failure.message })
    socket.on('close', () => resolve({ answer, error: error ?? (answer.endsWith('\n') ? undefined : 'ended early'), tookMs: performance.now() - begun }))
  })
}

export function sessionLoad(address: string, clients: number): SessionLoad {
  const outcomes: Outcome[] = []
  let stopped = false
  const client = async (): Promise<void> => {
    while (!stopped) outcomes.push(await oneSession(address))
  }
  const all = Array.from({ length: clients }, client)
  return {
    outcomes,
    async stop() {
      stopped = true
      await Promise.all(all)
    },
  }
}
