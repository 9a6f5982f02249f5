/**
 * The two ends of a relayed flow, as plain `node:dgram` sockets. Both are unconnected, so that a test sees where an answer really came
 * from and no ICMP error comes in between; what has come waits until somebody asks for it, in the order in which it came.
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { formatHostPort } from '../../lib/address.ts'
import { within } from './until.ts'

export type Arrived = { readonly bytes: Buffer; readonly from: string }

export type UdpPeer = {
  readonly socket: dgram.Socket
  /** Where it is bound, as `udp(…)` takes it. */
  readonly address: string
  readonly port: number
  /** Resolves when the kernel has it; to where the peer was made for unless told otherwise. */
  readonly send: (bytes: string | Uint8Array, to?: string) => Promise<void>
  /** Sends all in one stretch of JS: a loop on this thread finds them together when it next turns. */
  readonly burst: (texts: readonly (string | Uint8Array)[], to?: string) => Promise<void>
  /** The next datagram that no `receive` has taken. */
  readonly receive: () => Promise<Arrived>
  /** The text of the next `count`. */
  readonly texts: (count: number) => Promise<readonly string[]>
  /** Sends and gives the text of the next datagram that comes. */
  readonly ask: (bytes: string | Uint8Array, to?: string) => Promise<string>
  /** How many have come so far, taken or not. */
  readonly count: () => number
  readonly close: () => Promise<void>
}

export type UdpOptions = {
  readonly host?: string
  readonly port?: number
  /** What is to be sent back for a datagram, if anything. */
  readonly answer?: (bytes: Buffer, from: string) => string | Uint8Array | undefined
}

/** There are no names here, and what is sent is to be with the kernel when `send` returns. */
const literally: NonNullable<dgram.SocketOptions['lookup']> = (host, _options, found) => { found(null, host, isIPv6(host) ? 6 : 4) }

const open = new Set<dgram.Socket>()

/** Bound to a free port of the loopback unless told otherwise. */
export async function udpPeer(to?: string, options: UdpOptions = {}): Promise<UdpPeer> {
  const { host = to !== undefined && isIPv6(hostOf(to)) ? '::1' : '127.0.0.1', port = 0, answer } = options
  const socket = dgram.createSocket({ type: isIPv6(host) ? 'udp6' : 'udp4', ipv6Only: isIPv6(host), recvBufferSize: 4 << 20, sendBufferSize: 4 << 20, lookup: literally })
  const listening = once(socket, 'listening')
  socket.bind(port, host)
  await listening
  open.add(socket)
  const arrived: Arrived[] = []
  let count = 0
  let wake: () => void = () => undefined
  const send = (bytes: string | Uint8Array, where = to): Promise<void> => new Promise((resume, refuse) => {
    if (where === undefined) throw new Error('send to where?')
    socket.send(bytes, portOf(where), hostOf(where), (error) => { if (error) refuse(error); else resume() })
  })
  socket.on('message', (bytes, { address, port: from }) => {
    const one = { bytes, from: formatHostPort(address, from) }
    count++
    const back = answer?.(bytes, one.from)
    if (back !== undefined) void send(back, one.from)
    arrived.push(one)
    wake()
  })
  const receive = (): Promise<Arrived> => within((async () => {
    for (;;) {
      const first = arrived.shift()
      if (first !== undefined) return first
      await new Promise<void>((resume) => { wake = resume })
    }
  })(), () => `a datagram to come to ${formatHostPort(host, socket.address().port)}, ${count} came before`)
  const texts = async (wanted: number): Promise<string[]> => {
    const all: string[] = []
    while (all.length < wanted) all.push((await receive()).bytes.toString('latin1'))
    return all
  }
  const bound = socket.address().port
  return {
    socket,
    address: formatHostPort(host, bound),
    port: bound,
    send,
    burst: async (texts, where) => { await Promise.all(texts.map((text) => send(text, where))) },
    receive,
    texts,
    ask: async (bytes, where) => {
      await send(bytes, where)
      return (await receive()).bytes.toString('latin1')
    },
    count: () => count,
    close: () => closeSocket(socket),
  }
}

/** An upstream that gives back what it gets. */
export const udpEcho = (options: Omit<UdpOptions, 'answer'> = {}): Promise<UdpPeer> => udpPeer(undefined, { ...options, answer: (bytes) => bytes })

function closeSocket(socket: dgram.Socket): Promise<void> {
  if (!open.delete(socket)) return Promise.resolve()
  return new Promise((resume) => { socket.close(() => { resume() }) })
}

/** Closes whatever peers a test has left. */
export async function closeUdpPeers(): Promise<void> {
  await Promise.all([...open].map(closeSocket))
  await turn() // libuv closes a descriptor in the turn after
}

export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '')
}

export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
