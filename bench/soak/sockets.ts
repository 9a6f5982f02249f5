/** What client and server of the soak do alike with a socket. */
import type { Socket } from 'node:net'
import { mostAtOnce, patternAt } from './pattern.ts'

/** Sends the pattern as the socket takes it; resolves when it has been handed over or the socket is closed. */
export async function pour(socket: Socket, seed: number, length: number): Promise<void> {
  for (let at = 0; at < length && !socket.destroyed; ) {
    const part = patternAt(seed, at, Math.min(mostAtOnce, length - at))
    at += part.length
    if (!socket.write(part)) await drained(socket)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resume) => {
    const over = (): void => {
      socket.off('drain', over).off('close', over)
      resume()
    }
    socket.on('drain', over).on('close', over)
    if (socket.destroyed) over()
  })
}

/** Resolves at the close of the socket, with the error that it has ended by. */
export function closed(socket: Socket): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let failure: Error | undefined
    socket.on('error', (error) => (failure = error)).once('close', () => resolve(failure))
  })
}

/** A line for the parent, which `Program.lines` of bench/programs.ts has. */
export const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

/** So many faults are told; more say nothing new. */
const mostFaults = 20

export function faultTeller(): (what: string) => void {
  let faults = 0
  return (what) => {
    if (faults++ < mostFaults) say({ type: 'fault', what })
  }
}
