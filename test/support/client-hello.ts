/** A TLS ClientHello made by hand (RFC 8446 4.1.2, RFC 6066 3), so that the name in it can be anything. */

/** In one TLS record; `paddingBytes` of a padding extension (RFC 7685) make it as long as one likes. */
export function clientHello(name: string, paddingBytes = 0): Buffer {
  const hostName = Buffer.from(name, 'latin1')
  const serverName = extension(0, sized(2, Buffer.concat([Buffer.from([0]), sized(2, hostName)])))
  const supportedVersions = extension(43, sized(1, Buffer.from([3, 4, 3, 3])))
  const padding = paddingBytes > 0 ? extension(21, Buffer.alloc(paddingBytes)) : Buffer.alloc(0)
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7), // random
    sized(1, Buffer.alloc(32, 9)), // legacy session id
    sized(2, Buffer.from([0x13, 0x01, 0x13, 0x02])), // cipher suites
    sized(1, Buffer.from([0])), // no compression
    sized(2, Buffer.concat([padding, supportedVersions, serverName])),
  ])
  return record(Buffer.concat([Buffer.from([1]), sized(3, body)]))
}

/** The same handshake message in TLS records that carry `size` bytes each (RFC 8446 5.1). */
export function inRecordsOf(size: number, hello: Buffer): Buffer {
  const message = hello.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += size) records.push(record(message.subarray(at, at + size)))
  return Buffer.concat(records)
}

function record(fragment: Buffer): Buffer {
  return Buffer.concat([Buffer.from([22, 3, 1]), sized(2, fragment)])
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), sized(2, data)])
}

/** The bytes after their own length, in so many bytes. */
function sized(lengthBytes: number, bytes: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes)
  length.writeUIntBE(bytes.length, 0, lengthBytes)
  return Buffer.concat([length, bytes])
}
