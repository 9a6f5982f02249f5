/** What only the kernel knows of a socket of this machine, from /proc/net/tcp and /proc/net/udp (proc(5)). */
import { readFileSync } from 'node:fs'
import type { Peer } from './peers.ts'
import { until } from './until.ts'

export type TcpState = { readonly state: string; readonly sendQueue: number; readonly receiveQueue: number }

/** The socket with these two ports, or undefined once the kernel has forgotten it. */
export function tcpSocket(localPort: number, remotePort: number): TcpState | undefined {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
  const wanted = new RegExp(`^ *\\d+: [0-9A-F]+:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8})`, 'm')
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const found = wanted.exec(readFileSync(table, 'latin1'))
    if (found) return { state: found[1] ?? '', sendQueue: parseInt(found[2] ?? '', 16), receiveQueue: parseInt(found[3] ?? '', 16) }
  }
  return undefined
}

/** Resolves when the other end's kernel has acknowledged everything this peer has sent (SIOCOUTQ is 0). */
export async function acknowledged(peer: Peer): Promise<void> {
  const { localPort = 0, remotePort = 0 } = peer.socket
  const queued = (): number => peer.socket.writableLength + (tcpSocket(localPort, remotePort)?.sendQueue ?? 0)
  await until(() => queued() === 0, () => `${queued()} bytes to be acknowledged`)
}

/** Resolves when whoever is at the other end, on this machine, has read everything this peer has sent. */
export async function taken(peer: Peer): Promise<void> {
  const { localPort = 0, remotePort = 0 } = peer.socket
  await acknowledged(peer)
  await until(() => (tcpSocket(remotePort, localPort)?.receiveQueue ?? 0) === 0, 'the other end to have read all')
}

/** How many connections of a local port the kernel still holds for alive (TCP_ESTABLISHED): one that was reset is not among them. */
export function establishedAt(localPort: number): number {
  const wanted = new RegExp(`^ *\\d+: [0-9A-F]+:${localPort.toString(16).toUpperCase().padStart(4, '0')} \\S+ 01 `, 'gm')
  return (readFileSync('/proc/net/tcp', 'latin1').match(wanted) ?? []).length
}

export type UdpState = { readonly receiveQueue: number; readonly drops: number }

/** The IPv4 socket that is bound to a port, connected or not, or undefined where there is none. */
export function udpSocket(localPort: number): UdpState | undefined {
  const wanted = new RegExp(`^ *\\d+: [0-9A-F]+:${localPort.toString(16).toUpperCase().padStart(4, '0')} \\S+ \\S+ [0-9A-F]+:([0-9A-F]+) .* (\\d+) *$`, 'm')
  const found = wanted.exec(readFileSync('/proc/net/udp', 'latin1'))
  return found ? { receiveQueue: parseInt(found[1] ?? '', 16), drops: Number(found[2]) } : undefined
}
