/**
 * STUN messages as bytes, and whoever asks with them. Built and taken apart here by the RFC's words alone, so that nothing of the addon checks itself;
 * the vectors of RFC 5769 check this file.
 */
import { randomBytes } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { crc32 } from 'node:zlib'
import { formatHostPort } from '../../lib/address.ts'
import { connect } from './peers.ts'
import { udpPeer } from './udp-peers.ts'
import { until } from './until.ts'

export const cookie = 0x2112a442
export const [binding, success, failure] = [0x0001, 0x0101, 0x0111]
export const attributes = { mappedAddress: 0x0001, changeRequest: 0x0003, username: 0x0006, integrity: 0x0008, errorCode: 0x0009, unknown: 0x000a, xorMappedAddress: 0x0020, software: 0x8022, fingerprint: 0x8028 } as const

export type Attribute = readonly [type: number, value: Uint8Array]
export type Parts = {
  readonly type?: number
  readonly cookie?: number
  readonly attributes?: readonly Attribute[]
  /** Appends a FINGERPRINT: the right one, or a wrong one. */
  readonly fingerprint?: 'right' | 'wrong'
  /** What the header says, where that is not the truth. */
  readonly length?: number
}

export function request({ type = binding, cookie: magic = cookie, attributes: all = [], fingerprint, length }: Parts = {}): Buffer {
  const body = Buffer.concat(all.map(([kind, value]) => Buffer.concat([words(kind, value.length), value, Buffer.alloc(-value.length & 3)])))
  const said = body.length + (fingerprint === undefined ? 0 : 8)
  const message = Buffer.concat([words(type, length ?? said), long(magic), randomBytes(12), body])
  if (fingerprint === undefined) return message
  const sum = fingerprintOf(message) ^ (fingerprint === 'right' ? 0 : 1)
  return Buffer.concat([message, words(attributes.fingerprint, 4), long(sum >>> 0)])
}

export type Message = { readonly type: number; readonly transaction: string; readonly attributes: ReadonlyMap<number, Buffer>; readonly order: readonly number[] }

/** Throws where it is no STUN message with a right length and, if it has one, a right FINGERPRINT. */
export function parse(bytes: Buffer): Message {
  if (bytes.length < 20 || bytes.readUInt16BE(2) !== bytes.length - 20) throw new Error(`not a message: ${bytes.toString('hex')}`)
  const found = new Map<number, Buffer>()
  const order: number[] = []
  for (let at = 20; at < bytes.length;) {
    const [type, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)]
    const value = bytes.subarray(at + 4, at + 4 + length)
    if (type === attributes.fingerprint && value.readUInt32BE() !== fingerprintOf(bytes.subarray(0, at))) throw new Error('wrong FINGERPRINT')
    found.set(type, value)
    order.push(type)
    at += 4 + length + (-length & 3)
  }
  return { type: bytes.readUInt16BE(0), transaction: bytes.subarray(4, 20).toString('hex'), attributes: found, order }
}

/** `192.0.2.1:32853`, from XOR-MAPPED-ADDRESS, or from MAPPED-ADDRESS where there is no other. */
export function mappedIn({ transaction, attributes: all }: Message): string {
  const masked = all.get(attributes.xorMappedAddress)
  const value = masked ?? all.get(attributes.mappedAddress)
  if (value === undefined) throw new Error('no address')
  const mask = masked === undefined ? Buffer.alloc(16) : Buffer.from(transaction, 'hex')
  const port = value.readUInt16BE(2) ^ mask.readUInt16BE(0)
  const ip = value.subarray(4).map((byte, i) => byte ^ (mask[i] ?? 0))
  const family = value[1]
  if (family === 1 && ip.length === 4) return `${ip.join('.')}:${port}`
  if (family !== 2 || ip.length !== 16) throw new Error(`family ${family} with ${ip.length} bytes`)
  const groups = Array.from({ length: 8 }, (_, i) => Buffer.from(ip).readUInt16BE(2 * i).toString(16))
  return `${new URL(`http://[${groups.join(':')}]`).hostname}:${port}`
}

/** The numbers of an ERROR-CODE and what UNKNOWN-ATTRIBUTES lists. */
export function refusalIn({ attributes: all }: Message): { readonly code: number; readonly unknown: readonly number[] } {
  const code = all.get(attributes.errorCode)
  const list = all.get(attributes.unknown) ?? Buffer.alloc(0)
  return { code: (code?.[2] ?? 0) * 100 + (code?.[3] ?? 0), unknown: Array.from({ length: list.length / 2 }, (_, i) => list.readUInt16BE(2 * i)) }
}

export type Asker = {
  /** Where its questions come from. */
  readonly address: string
  /** The answers to these, in their order; a plain request behind them tells when no more will come. */
  readonly ask: (...messages: readonly Uint8Array[]) => Promise<readonly Buffer[]>
}

/** `transport` says how to ask at `address`. */
export async function asker(transport: 'udp' | 'tcp', address: string): Promise<Asker> {
  return transport === 'udp' ? udpAsker(address) : tcpAsker(address)
}

async function udpAsker(address: string): Promise<Asker> {
  const peer = await udpPeer(address)
  return {
    address: peer.address,
    async ask(...messages) {
      const last = request()
      await peer.burst([...messages, last])
      const answers: Buffer[] = []
      for (;;) {
        const { bytes } = await peer.receive()
        if (parse(bytes).transaction === last.subarray(4, 20).toString('hex')) return answers
        answers.push(bytes)
      }
    },
  }
}

async function tcpAsker(address: string): Promise<Asker> {
  const peer = await connect(address)
  const { localAddress = '', localPort = 0 } = peer.socket
  let bytes = Buffer.alloc(0)
  peer.socket.on('data', (chunk) => { bytes = Buffer.concat([bytes, chunk]) })
  return {
    address: formatHostPort(isIPv6(localAddress) ? localAddress.replace(/^::ffff:(?=\d+\.)/, '') : localAddress, localPort),
    async ask(...messages) {
      const last = request()
      await peer.send(Buffer.concat([...messages, last]))
      const answers: Buffer[] = []
      for (;;) {
        await until(() => bytes.length >= 20 && bytes.length >= 20 + bytes.readUInt16BE(2), 'an answer over TCP')
        const length = 20 + bytes.readUInt16BE(2)
        const one = bytes.subarray(0, length)
        bytes = bytes.subarray(length)
        if (parse(one).transaction === last.subarray(4, 20).toString('hex')) return answers
        answers.push(one)
      }
    },
  }
}

function fingerprintOf(before: Buffer): number {
  return (crc32(before) ^ 0x5354554e) >>> 0
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(2 * values.length)
  values.forEach((value, i) => bytes.writeUInt16BE(value, 2 * i))
  return bytes
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** How many answers more than at once `ratePerAddress` may have let through since `began`, of performance.now(). */
export const refilled = (ratePerAddress: number, began: number): number => Math.floor(((performance.now() - began + 2) * ratePerAddress) / 1000)
