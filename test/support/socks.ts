/** What a SOCKS5 client and its proxy say (RFC 1928, RFC 1929), as bytes: written here once more, so that a test does not ask the code what is right. */
import net from 'node:net'
import type { Peer } from './peers.ts'

export const commands = { connect: 1, bind: 2, associate: 3 } as const

export const greeting = (...methods: readonly number[]): Buffer => Buffer.from([5, methods.length, ...methods])

export const login = (name: string, password: string): Buffer => Buffer.concat([Buffer.from([1, Buffer.byteLength(name)]), Buffer.from(name), Buffer.from([Buffer.byteLength(password)]), Buffer.from(password)])

/** Where to: what is no IP address is sent as a name, just as it is. */
export function request(host: string, port: number, command: number = commands.connect): Buffer {
  return Buffer.concat([Buffer.from([5, command, 0]), addressOf(host), portBytes(port)])
}

export function reply(code: number, host = '0.0.0.0', port = 0): Buffer {
  return Buffer.concat([Buffer.from([5, code, 0]), addressOf(host), portBytes(port)])
}

export type SocksReply = { readonly code: number; readonly bound: string }

/** The next reply that comes, and where it says that the proxy is bound. */
export async function readReply(peer: Peer): Promise<SocksReply> {
  const [, code = -1, , type] = await peer.read(4)
  const host = type === 4 ? ipv6Text(await peer.read(16)) : [...(await peer.read(4))].join('.')
  const port = (await peer.read(2)).readUInt16BE()
  return { code, bound: `${type === 4 ? `[${host}]` : host}:${port}` }
}

/** Says all of it at once without a login, and gives the code of the reply. */
export async function ask(peer: Peer, host: string, port: number, command?: number): Promise<SocksReply> {
  await peer.send(Buffer.concat([greeting(0), request(host, port, command)]))
  await peer.read(2)
  return readReply(peer)
}

/** One after the other. */
export const joined = (...parts: readonly (string | readonly number[] | Uint8Array)[]): Buffer => Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))

export const portBytes = (port: number): Buffer => Buffer.from([port >> 8, port & 0xff])

/** The 16 bytes of an IPv6 address. */
export function ipv6Bytes(text: string): Buffer {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text)
  const [, start, a, b, c, d] = (dotted ?? []).map((part, i) => (i < 2 ? part : Number(part).toString(16).padStart(2, '0')))
  const [head = '', tail] = (dotted === null ? text : `${start ?? ''}${a ?? ''}${b ?? ''}:${c ?? ''}${d ?? ''}`).split('::')
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const all = tail === undefined ? before : [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}

function addressOf(host: string): Buffer {
  if (net.isIPv4(host)) return Buffer.from([1, ...host.split('.').map(Number)])
  if (net.isIPv6(host) && !host.includes('%')) return Buffer.concat([Buffer.from([4]), ipv6Bytes(host)])
  return Buffer.concat([Buffer.from([3, Buffer.byteLength(host)]), Buffer.from(host)])
}

/** As URLs write it (RFC 5952). */
function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
