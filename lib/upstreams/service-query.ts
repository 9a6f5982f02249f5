/** A question for SRV records (RFC 1035, RFC 2782, RFC 6891) over UDP: Node's own tells no TTL. */
import { randomInt } from 'node:crypto'
import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { ServiceRecord } from './services.ts'

const [typeSrv, classInternet, typeOpt] = [33, 1, 41]
/** What fits into one packet on every path. */
const answerBytes = 1_232
const [timeoutMs, headerBytes, mostJumps] = [2_000, 12, 32]

/** The records, or nothing where no server has answered with a whole answer. */
export async function askService(service: string, servers: readonly string[]): Promise<readonly ServiceRecord[] | undefined> {
  for (const server of servers) {
    const records = await askServer(service, server).catch(() => undefined)
    if (records !== undefined) return records
  }
  return undefined
}

/** `127.0.0.1`, `127.0.0.1:5353`, `[::1]:5353`, as dns.getServers() has them. */
function placeOf(server: string): { readonly host: string; readonly port: number } {
  if (isIPv6(server)) return { host: server, port: 53 }
  const [, host = server, port = '53'] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(server) ?? []
  return { host, port: Number(port) }
}

async function askServer(service: string, server: string): Promise<readonly ServiceRecord[] | undefined> {
  const { host, port } = placeOf(server)
  const id = randomInt(65_536)
  const socket = dgram.createSocket(isIPv6(host) ? 'udp6' : 'udp4').unref()
  try {
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${server} does not answer`)), timeoutMs).unref()
      socket.once('close', () => clearTimeout(timer))
      socket.on('error', reject)
      socket.on('message', (bytes) => {
        const answer = readAnswer(bytes, id, service)
        if (answer !== 'another') resolve(answer)
      })
      // Connected, so that only this server is heard. Node calls back with what went wrong there, in the place of an event.
      socket.connect(port, host, (failed?: Error) => {
        if (failed !== undefined) reject(failed)
        else socket.send(questionFor(service, id), (error) => { if (error) reject(error) })
      })
    })
  } finally {
    socket.close()
  }
}

/** One question with recursion desired, and an OPT record that says what may come back. */
export function questionFor(service: string, id: number): Buffer {
  const labels = service.split('.').flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')])
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(1, 10)
  const [question, opt] = [Buffer.alloc(5), Buffer.alloc(11)]
  question.writeUInt16BE(typeSrv, 1)
  question.writeUInt16BE(classInternet, 3)
  opt.writeUInt16BE(typeOpt, 1)
  opt.writeUInt16BE(answerBytes, 3)
  return Buffer.concat([header, ...labels, question, opt])
}

/** The records of an answer, or nothing where it is cut short, an error or malformed; `another` for what is no answer to this question. */
export function readAnswer(bytes: Buffer, id: number, service: string): readonly ServiceRecord[] | 'another' | undefined {
  try {
    const flags = bytes.readUInt16BE(2)
    if (bytes.readUInt16BE(0) !== id || (flags & 0x8000) === 0 || bytes.readUInt16BE(4) !== 1) return 'another'
    const asked = readName(bytes, headerBytes)
    if (asked.name.toLowerCase() !== service || bytes.readUInt16BE(asked.end) !== typeSrv) return 'another'
    if ((flags & 0x0200) !== 0 || (flags & 0x000f) !== 0) return undefined
    return readRecords(bytes, asked.end + 4, bytes.readUInt16BE(6))
  } catch {
    return undefined
  }
}

function readRecords(bytes: Buffer, from: number, count: number): readonly ServiceRecord[] {
  const records: ServiceRecord[] = []
  let at = from
  for (let i = 0; i < count; i++) {
    const { end } = readName(bytes, at)
    const [type, ttl, length] = [bytes.readUInt16BE(end), bytes.readUInt32BE(end + 4), bytes.readUInt16BE(end + 8)]
    const data = end + 10
    at = data + length
    if (at > bytes.length) throw new RangeError('a record ends behind the message')
    if (type !== typeSrv) continue // a CNAME on the way
    const [priority, weight, port] = [bytes.readUInt16BE(data), bytes.readUInt16BE(data + 2), bytes.readUInt16BE(data + 4)]
    records.push({ name: readName(bytes, data + 6).name, port, priority, weight, ttl })
  }
  return records
}

/** A name, compressed or not (RFC 1035 section 4.1.4), and where it ends. */
function readName(bytes: Buffer, from: number): { readonly name: string; readonly end: number } {
  const labels: string[] = []
  let [at, end] = [from, -1]
  for (let jumps = 0; jumps <= mostJumps; ) {
    const length = bytes.readUInt8(at)
    if (length === 0) return { name: labels.join('.'), end: end < 0 ? at + 1 : end }
    if (length >= 0xc0) {
      if (end < 0) end = at + 2
      at = bytes.readUInt16BE(at) & 0x3fff
      jumps++
    } else {
      if (length > 63 || at + 1 + length > bytes.length || labels.length > 127) throw new RangeError('no name')
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
  }
  throw new RangeError('a name without end')
}
