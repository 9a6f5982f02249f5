/**
 * The two ends of a relayed stream, as plain `node:net` sockets that are allowed to be half open. A peer reads from the start
 * unless it is made paused, and everything about it is a promise: what it read, how its reading ended, that it is closed.
 */
import { createHash } from 'node:crypto'
import net from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { within } from './until.ts'

/** How reading ended: by FIN, by a reset (with Node's code for the errno), or because this side destroyed the socket. */
export type Ending = 'fin' | 'reset' | 'destroyed'

export type Received = {
  readonly bytes: number
  readonly sha256: string
  readonly text: string
  readonly ending: Ending
  /** The code of the error that ended the socket, `ECONNRESET` for instance. */
  readonly errno: string | undefined
}

export type Peer = {
  readonly socket: net.Socket
  /** Resolves when the bytes are with the kernel. */
  readonly send: (bytes: string | Uint8Array) => Promise<void>
  /** FIN after what was sent; resolves when the kernel has it. */
  readonly end: (bytes?: string | Uint8Array) => Promise<void>
  readonly reset: () => void
  readonly pause: () => void
  readonly resume: () => void
  /** The next `count` bytes that no `read` has taken yet. */
  readonly read: (count: number) => Promise<Buffer>
  /** Everything there was to read, once reading has ended. */
  readonly readAll: () => Promise<Received>
  /** How many bytes have been read so far. */
  readonly bytesRead: () => number
  /** After this peer has read a FIN: resolves when the kernel tells of a reset nevertheless. */
  readonly closedByReset: () => Promise<void>
  /** The socket is gone, both directions. */
  readonly closed: Promise<void>
  readonly destroy: () => void
}

export function sha256(...bytes: readonly Uint8Array[]): string {
  const hash = createHash('sha256')
  for (const part of bytes) hash.update(part)
  return hash.digest('hex')
}

/** Every peer not yet closed; `destroyPeers` ends them so that a failed test does not disturb the next one. */
const alive = new Set<net.Socket>()

function peerOf(socket: net.Socket, paused: boolean): Peer {
  const chunks: Buffer[] = []
  let total = 0
  let taken = 0
  let errno: string | undefined
  let ending: Ending | undefined
  let wake: () => void = () => undefined
  const changed = (): Promise<void> => new Promise((resume) => { wake = resume })
  let change = changed()
  const tell = (): void => {
    wake()
    change = changed()
  }
  alive.add(socket)
  const ended = new Promise<void>((resume) => {
    socket.once('end', () => { ending ??= 'fin'; tell(); resume() })
    socket.once('close', () => { ending ??= errno === undefined ? 'destroyed' : 'reset'; tell(); resume() })
  })
  const closed = new Promise<void>((resume) => {
    socket.once('close', () => { alive.delete(socket); resume() })
  })
  socket.on('error', (error: NodeJS.ErrnoException) => { errno ??= error.code })
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    total += chunk.length
    tell()
  })
  if (paused) socket.pause()

  return {
    socket,
    send: (bytes) => new Promise((resume, refuse) => {
      socket.write(bytes, (error) => { if (error) refuse(error); else resume() })
    }),
    end: (bytes) => new Promise((resume, refuse) => {
      socket.once('error', refuse)
      if (bytes === undefined) socket.end(resume)
      else socket.end(bytes, resume)
    }),
    reset: () => { socket.resetAndDestroy() },
    pause: () => { socket.pause() },
    resume: () => { socket.resume() },
    async read(count) {
      await within((async () => {
        while (total - taken < count) {
          if (ending !== undefined) throw new Error(`wanted ${count} bytes, got ${total - taken}, then ${ending} ${errno ?? ''}`)
          await change
        }
      })(), `${count} bytes to read`)
      const all = Buffer.concat(chunks)
      chunks.splice(0, chunks.length, all)
      taken += count
      return all.subarray(taken - count, taken)
    },
    async readAll() {
      await within(ended, `the end of what there is to read (${total} bytes so far)`, 30_000)
      const all = Buffer.concat(chunks)
      return { bytes: total, sha256: sha256(all), text: all.length <= 65_536 ? all.toString('latin1') : '', ending: ending ?? 'destroyed', errno }
    },
    bytesRead: () => total,
    async closedByReset() {
      // A reader that has seen the end is told of nothing more; a writer is.
      await within((async () => {
        while (errno === undefined && !socket.destroyed) {
          socket.write('x')
          await turn()
        }
      })(), 'the reset')
      if (errno === undefined) throw new Error('closed, but not by a reset')
    },
    closed,
    destroy: () => { socket.destroy() },
  }
}

/** `127.0.0.1:5555`, `[::1]:5555`, `unix:/path`, or a path. */
export function destination(address: string): net.NetConnectOpts {
  if (address.startsWith('unix:')) return { path: address.slice(5) }
  if (address.startsWith('/')) return { path: address }
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

export type ConnectOptions = { readonly paused?: boolean; readonly localPort?: number; readonly localAddress?: string }

/** A connected peer; one that was reset before Node could tell that it is connected counts as well, and reads as reset. */
export async function connect(address: string, options: ConnectOptions = {}): Promise<Peer> {
  const { paused = false, ...rest } = options
  const socket = net.connect({ ...destination(address), ...rest, allowHalfOpen: true, noDelay: true })
  const peer = peerOf(socket, paused)
  await within(new Promise<void>((resume, refuse) => {
    socket.once('connect', resume)
    socket.once('error', (error: NodeJS.ErrnoException) => { if (error.code === 'ECONNRESET') resume(); else refuse(error) })
  }), `a connection to ${address}`)
  return peer
}

export type Listener = {
  /** As `forward(tcp(…))` and `connect` take it. */
  readonly address: string
  readonly port: number
  /** The next peer that came, in the order in which they came. */
  readonly accept: () => Promise<Peer>
  /** How many have come. */
  readonly count: () => number
  readonly close: () => Promise<void>
}

export type ListenOptions = { readonly host?: string; readonly port?: number; readonly path?: string; readonly paused?: boolean; readonly onPeer?: (peer: Peer) => void }

/** Listens on port 0 of the loopback unless told otherwise. */
export async function listen(options: ListenOptions = {}): Promise<Listener> {
  const { host = '127.0.0.1', port = 0, path, paused = false, onPeer } = options
  const arrived: Peer[] = []
  const waiting: ((peer: Peer) => void)[] = []
  let count = 0
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: paused, noDelay: true }, (socket) => {
    count++
    const peer = peerOf(socket, paused)
    const next = waiting.shift()
    if (onPeer) onPeer(peer)
    else if (next) next(peer)
    else arrived.push(peer)
  })
  await new Promise<void>((resume, refuse) => {
    server.once('error', refuse)
    server.listen(path === undefined ? { host, port } : { path }, resume)
  })
  listeners.add(server)
  const bound = server.address()
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : 0
  return {
    address: path === undefined ? `${host.includes(':') ? `[${host}]` : host}:${boundPort}` : `unix:${path}`,
    port: boundPort,
    accept: () => within(new Promise((resume) => {
      const first = arrived.shift()
      if (first) resume(first)
      else waiting.push(resume)
    }), 'somebody to connect'),
    count: () => count,
    close: () => closeServer(server),
  }
}

const listeners = new Set<net.Server>()

function closeServer(server: net.Server): Promise<void> {
  listeners.delete(server)
  return new Promise((resume) => { server.close(() => { resume() }) })
}

/** Ends whatever peers and listeners a test has left; resolves when their descriptors are closed. */
export async function destroyPeers(): Promise<void> {
  const gone = [...alive].map((socket) => new Promise<void>((resume) => { socket.once('close', () => { resume() }) }))
  for (const socket of alive) socket.destroy()
  await Promise.all([...gone, ...[...listeners].map(closeServer)])
}
