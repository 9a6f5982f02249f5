/** `raw_peer.py` as an object. For where it matters exactly how a stream ended, with bytes right before the end. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { numberIn, textIn } from './json.ts'
import { within } from './until.ts'

export type RawReport = {
  readonly bytes: number
  readonly sha256: string
  /** `fin`, or the name of the errno with which recv(2) failed. */
  readonly ending: string
  readonly wrote: number
  /** The name of the errno with which send(2) failed, or nothing. */
  readonly writeError: string
}

export type RawPeer = {
  /** Where a listening one listens. */
  readonly address: string
  /** It has stopped reading where `pauseAt` said, for the `nth` time (default the first). */
  readonly paused: (nth?: number) => Promise<void>
  readonly resume: () => void
  readonly report: () => Promise<RawReport>
}

export type RawOptions = { readonly send?: number; readonly endless?: boolean; readonly fin?: boolean; readonly urgent?: boolean; /** Counts of bytes read. */ readonly pauseAt?: readonly number[]; readonly receiveBuffer?: number }

const children = new Set<ChildProcess>()

/** Kills those that a failed test has left. */
export function killRawPeers(): void {
  for (const child of children) child.kill('SIGKILL')
}

/** Connects to an address of 127.0.0.1, or listens on one where none is given. */
export async function rawPeer(address: string | undefined, options: RawOptions = {}): Promise<RawPeer> {
  const { send = 0, endless = false, fin = false, urgent = false, pauseAt = [], receiveBuffer } = options
  const child = spawn('python3', [
    fileURLToPath(new URL('raw_peer.py', import.meta.url)),
    ...(address === undefined ? ['listen'] : ['connect', address.split(':')[1] ?? '']),
    '--send', String(send), ...(endless ? ['--endless'] : []), ...(fin ? ['--fin'] : []), ...(urgent ? ['--urgent'] : []), ...pauseAt.flatMap((count) => ['--pause-at', String(count)]),
    ...(receiveBuffer === undefined ? [] : ['--receive-buffer', String(receiveBuffer)]),
  ], { stdio: ['pipe', 'pipe', 'inherit'] })
  const said: string[] = []
  let wake: () => void = () => undefined
  createInterface(child.stdout).on('line', (line) => { said.push(line); wake() })
  children.add(child)
  const closed = new Promise<void>((resume) => child.once('close', () => { children.delete(child); resume() }))
  const line = (start: string, nth = 1): Promise<string> => within((async () => {
    for (;;) {
      const found = said.filter((one) => one.startsWith(start))[nth - 1]
      if (found !== undefined) return found
      await new Promise<void>((resume) => { wake = resume })
    }
  })(), () => `raw_peer.py to say "${start}…": ${said.join(' ')}`, 30_000)
  const first = await line(address === undefined ? 'listening ' : 'connected')
  return {
    address: `127.0.0.1:${first.split(' ')[1] ?? ''}`,
    paused: async (nth) => { await line('paused', nth) },
    resume: () => { child.stdin.write('go on\n') },
    async report() {
      const report: unknown = JSON.parse(await line('{'))
      child.stdin.end()
      await closed
      return { bytes: numberIn(report, 'bytes'), sha256: textIn(report, 'sha256'), ending: textIn(report, 'ending'), wrote: numberIn(report, 'wrote'), writeError: textIn(report, 'writeError') }
    },
  }
}
