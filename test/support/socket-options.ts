/** What getsockopt(2) says about a TCP socket of this process that is not Node's: a child that inherits the descriptor reads it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export type TcpOptions = { readonly keepAlive: number; readonly idle: number; readonly interval: number; readonly probes: number; readonly userTimeout: number }
export type TcpSizes = { readonly maxSegment: number; readonly receiveBuffer: number; readonly sendBuffer: number }

const script = `
import json, socket
s = socket.socket(fileno=3)
tcp = lambda name: s.getsockopt(socket.IPPROTO_TCP, name)
own = lambda name: s.getsockopt(socket.SOL_SOCKET, name)
print(json.dumps([own(socket.SO_KEEPALIVE), tcp(socket.TCP_KEEPIDLE), tcp(socket.TCP_KEEPINTVL), tcp(socket.TCP_KEEPCNT), tcp(socket.TCP_USER_TIMEOUT),
  tcp(socket.TCP_MAXSEG), own(socket.SO_RCVBUF), own(socket.SO_SNDBUF), tcp(socket.TCP_NODELAY)]))
s.detach()
`

/** Of the IPv4 socket with these two ports; see tcp(7) for what the numbers are. */
export async function tcpOptions(localPort: number, remotePort: number): Promise<TcpOptions> {
  const [keepAlive = -1, idle = -1, interval = -1, probes = -1, userTimeout = -1] = await optionsOf(localPort, remotePort)
  return { keepAlive, idle, interval, probes, userTimeout }
}

/** What has a size, of the same socket, in bytes. */
export async function tcpSizes(localPort: number, remotePort: number): Promise<TcpSizes> {
  const [maxSegment = -1, receiveBuffer = -1, sendBuffer = -1] = (await optionsOf(localPort, remotePort)).slice(5)
  return { maxSegment, receiveBuffer, sendBuffer }
}

/** Whether it sends at once what is small (TCP_NODELAY). */
export async function sendsAtOnce(localPort: number, remotePort: number): Promise<boolean> {
  return (await optionsOf(localPort, remotePort))[8] === 1
}

async function optionsOf(localPort: number, remotePort: number): Promise<readonly number[]> {
  const child = spawn('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', descriptorOf(localPort, remotePort)] })
  assert(child.stdout)
  const said: unknown = JSON.parse(Buffer.concat(await child.stdout.toArray()).toString())
  assert(Array.isArray(said))
  return said.map(Number)
}

/** /proc/net/tcp knows a socket's inode by its ports, /proc/self/fd its descriptor by the inode (proc(5)). */
function descriptorOf(localPort: number, remotePort: number): number {
  const hex = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0')
  const line = readFileSync('/proc/net/tcp', 'latin1').split('\n').find((one) => new RegExp(`^ *\\d+: \\w+:${hex(localPort)} \\w+:${hex(remotePort)} `).test(one))
  const inode = line?.trim().split(/\s+/)[9]
  const found = readdirSync('/proc/self/fd').find((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === `socket:[${inode ?? ''}]`
    } catch {
      return false // the descriptor with which the folder was listed
    }
  })
  assert(found, `a socket of this process from port ${localPort} to port ${remotePort}`)
  return Number(found)
}
