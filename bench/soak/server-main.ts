/** `server-main.ts LIFE_SECONDS`: the server behind the relay: does its part of each task, checks what comes, and says at SIGTERM what it has seen. */
import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { checker } from './pattern.ts'
import { closed, faultTeller, pour, say } from './sockets.ts'
import { decodeTask, downSeed, encodeAnswer, headBytes } from './task.ts'
import type { Task } from './task.ts'

const fault = faultTeller()
let endedFirst = 0

async function serveOne(socket: Socket): Promise<void> {
  const over = closed(socket)
  const task = await headOf(socket)
  if (task === undefined) return // one that has been reset before it has said what it is
  const ended = receive(socket, task)
  await pour(socket, downSeed(task), task.down)
  if (task.serverEndsFirst) socket.end()
  const received = await ended
  if (received === undefined) return
  if (!task.serverEndsFirst) socket.end(encodeAnswer(received))
  else if (received === task.up) endedFirst++
  else fault(`seed ${task.seed}: the client's side has ended after ${received} of ${task.up} bytes`)
  await over
}

/** Reads no more than the head: what follows is left for who knows how to read it. */
function headOf(socket: Socket): Promise<Task | undefined> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0)
    const look = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      if (bytes.length < headBytes) return
      socket.off('data', look).pause()
      if (bytes.length > headBytes) socket.unshift(bytes.subarray(headBytes))
      const task = decodeTask(bytes)
      if (task === undefined) fault('a stream begins with what no client has sent')
      resolve(task)
    }
    socket.on('data', look).once('close', () => resolve(undefined)).once('end', () => {
      if (bytes.length < headBytes) socket.destroy()
    })
  })
}

/** How many bytes were right when the client's side has ended; undefined where the connection has not lasted so long. */
function receive(socket: Socket, task: Task): Promise<number | undefined> {
  const { seed, serverStallMs, reset } = task
  const check = checker(seed)
  const resetNow = (): boolean => reset?.by === 'server' && check.received >= reset.after
  return new Promise((resolve) => {
    const begin = (): void => {
      if (resetNow()) socket.resetAndDestroy()
      else socket.resume()
    }
    socket.on('data', (chunk) => {
      if (!check.take(chunk)) {
        fault(`seed ${seed}: a byte from the client is wrong after ${check.received} of ${task.up}`)
        socket.resetAndDestroy()
      } else if (resetNow()) socket.resetAndDestroy()
    })
    socket.once('end', () => resolve(check.received)).once('close', () => resolve(undefined))
    setTimeout(begin, serverStallMs)
  })
}

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void serveOne(socket))
server.listen(0, '127.0.0.1', 1024, () => say({ type: 'listening', address: server.address() }))
setTimeout(() => process.exit(1), 1000 * Number(process.argv[2])).unref()
process.once('SIGTERM', () => {
  const end = (): void => {
    say({ type: 'summary', endedFirst })
    process.exit()
  }
  server.close(end) // what the relay has given to the kernel has perhaps not been read yet
  setTimeout(end, 5_000)
})
