/**
 * Ports that nobody has and that the kernel gives to nobody: port 0 and connections have theirs from net.ipv4.ip_local_port_range
 * (ip(7)), so one from there may be the port of the relay under test a moment later.
 */
import dgram from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net, { isIPv6 } from 'node:net'

/** Above what services have, below what the kernel gives; where it gives nearly all, below what it gives by default. */
const first = 10_000
const given = Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'))
const end = given > 2 * first ? given : 32_768

let next = first + Math.floor(Math.random() * (end - first))

/** The first of `count` ports in a row on which nobody listens, for TCP and for UDP. None is found twice before all have been. */
export async function unusedPorts(count: number, host = '127.0.0.1'): Promise<number> {
  for (let tried = 0; tried < end - first; tried += count) {
    if (next + count > end) next = first
    const start = next
    next += count
    const free = await Promise.all(Array.from({ length: count }, (_, i) => isUnused(start + i, host)))
    if (free.every((is) => is)) return start
  }
  throw new Error(`no ${count} free ports in a row from ${first} to ${end - 1}`)
}

export const unusedPort = (host?: string): Promise<number> => unusedPorts(1, host)

async function isUnused(port: number, host: string): Promise<boolean> {
  const server = net.createServer()
  const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  try {
    await once(server.listen(port, host), 'listening')
    socket.bind(port, host)
    await once(socket, 'listening')
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') return false
    throw error
  } finally {
    await Promise.all([new Promise((closed) => server.close(closed)), new Promise<void>((closed) => { socket.close(closed) })])
  }
}
