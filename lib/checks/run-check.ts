/** One check of one upstream, with sockets of this thread, off the data path. */
import dgram from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import type { Socket } from 'node:net'
import { formatMs } from '../options.ts'
import type { PlanCheck, PlanEndpoint } from '../plan.ts'
import { afterFreeMs } from './patience.ts'

/** Bytes of an answer that are looked at. */
const mostAnswer = 4_096

/** Says what is wrong with the upstream, or nothing; once, unless the returned function is called before. That may be called at any time, and again. */
export type RunCheck = (check: PlanCheck, at: PlanEndpoint, done: (failure: string | undefined) => void) => () => void

/** A check by its name. */
export const runCheck: RunCheck = (check, at, done) => {
  let over = false
  let close = (): unknown => undefined
  const end = (): void => {
    if (over) return
    over = true
    callOff()
    close()
  }
  const settle = (failure?: string): void => {
    if (over) return
    end()
    done(failure)
  }
  const callOff = afterFreeMs(check.timeoutMs, () => settle(`no answer within ${formatMs(check.timeoutMs)}`))
  close = check.name === 'dgramCheck' ? askDatagram(check, at, settle) : askStream(check, at, settle)
  return end
}

function askStream(check: PlanCheck, at: PlanEndpoint, settle: (failure?: string) => void): () => unknown {
  const socket = connect(at.net === 'unix' ? { path: at.path.replace(/^@/, '\0') } : { host: at.host, port: at.port }).unref()
  const expected = Buffer.from(check.expect)
  let heard = Buffer.alloc(0)
  socket.on('error', (error) => settle(codeOf(error)))
  socket.once('connect', () => {
    if (check.name === 'tcpCheck') return settle()
    if (check.send.length > 0) socket.write(check.send)
  })
  socket.on('data', (bytes) => {
    heard = Buffer.concat([heard, bytes]).subarray(0, mostAnswer)
    if (heard.includes(expected)) settle()
    else if (heard.length === mostAnswer) settle('its answer is not what was expected')
  })
  socket.once('end', () => settle(heard.length === 0 ? 'ended without an answer' : 'its answer is not what was expected'))
  return () => (at.net === 'unix' ? socket.destroy() : leave(socket))
}

/** By a reset: no TIME_WAIT is left of thousands of checks. */
function leave(socket: Socket): void {
  if (socket.connecting || socket.destroyed) socket.destroy()
  else socket.resetAndDestroy()
}

function askDatagram(check: PlanCheck, at: PlanEndpoint, settle: (failure?: string) => void): () => void {
  if (at.net === 'unix') return () => undefined
  const socket = dgram.createSocket(isIPv6(at.host) ? 'udp6' : 'udp4').unref()
  const expected = Buffer.from(check.expect)
  let open = true
  socket.on('error', (error) => settle(codeOf(error)))
  socket.on('message', (bytes) => {
    if (bytes.includes(expected)) settle()
  })
  socket.connect(at.port, at.host, (failed?: Error) => {
    if (failed !== undefined) settle(codeOf(failed)) // Node calls back with it, in the place of an event
    else if (open) socket.send(check.send, (error) => { if (error) settle(codeOf(error)) })
  })
  return () => {
    open = false
    socket.close()
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
