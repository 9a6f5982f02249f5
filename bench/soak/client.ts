/** One connection through the relay: does its task, and says what was wrong with it. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { setTimeout as elapse } from 'node:timers/promises'
import { checker } from './pattern.ts'
import { closed, pour } from './sockets.ts'
import { answerBytes, decodeAnswer, downSeed, encodeTask } from './task.ts'
import type { Task } from './task.ts'

export type Outcome = { readonly fault?: string; readonly received: number }

/** `cut`: resets what is under way, which then has no fault. */
export async function perform(task: Task, port: number, cut: AbortSignal): Promise<Outcome> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  const reset = (): void => void socket.resetAndDestroy()
  cut.addEventListener('abort', reset, { once: true })
  const over = closed(socket)
  socket.pause() // so that nothing is read before its time, by a listener for data or ahead
  const reading = read(socket, task)
  socket.write(encodeTask(task))
  await pour(socket, task.seed, task.up)
  socket.end()
  const failure = await over
  cut.removeEventListener('abort', reset)
  const { received, wrong, answer, ended } = reading()
  const fault = (): string | undefined => {
    if (wrong) return `a byte from the server is wrong after ${received} of ${task.down}`
    if (task.reset !== undefined || cut.aborted) return undefined // what has come was right: no more can be asked of it
    if (failure !== undefined) return `${failure.message} after ${received} of ${task.down} bytes`
    if (received !== task.down || !ended) return `the server's side has ended after ${received} of ${task.down} bytes`
    if (!task.serverEndsFirst && answer !== task.up) return `the server has found ${answer ?? 'no'} bytes right of ${task.up}`
    return undefined
  }
  const what = fault()
  return { received, ...(what === undefined ? {} : { fault: `seed ${task.seed}: ${what}` }) }
}

type Read = { readonly received: number; readonly wrong: boolean; readonly ended: boolean; readonly answer: number | undefined }

/** Gives what has been read until it is called. */
function read(socket: Socket, task: Task): () => Read {
  const { down, clientStallMs, reset } = task
  const check = checker(downSeed(task))
  let [tail, wrong, ended] = [Buffer.alloc(0), false, false]
  const resetNow = (): boolean => reset?.by === 'client' && check.received >= reset.after
  socket.on('data', (chunk) => {
    const left = down - check.received
    wrong ||= !check.take(chunk.subarray(0, left))
    if (chunk.length > left) tail = Buffer.concat([tail, chunk.subarray(left)])
    wrong ||= tail.length > (task.serverEndsFirst ? 0 : answerBytes)
    if (wrong || resetNow()) socket.resetAndDestroy()
  })
  socket.once('end', () => (ended = true))
  socket.once('connect', () => void begin())
  const begin = async (): Promise<void> => {
    await elapse(clientStallMs)
    if (resetNow()) socket.resetAndDestroy()
    else socket.resume()
  }
  return () => ({ received: check.received, wrong, ended, answer: decodeAnswer(tail) })
}
