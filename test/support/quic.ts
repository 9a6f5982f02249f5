/** Datagrams as a QUIC client begins with, as far as they can be read without keys. */

/** An Initial packet that fills its datagram. */
export function quicInitial({ version = 1, first = 0xc3, bytes = 1_200 } = {}): Buffer {
  const datagram = Buffer.alloc(bytes, 0x5a)
  datagram[0] = first
  datagram.writeUInt32BE(version, 1)
  datagram[5] = 8 // of the destination's id, then none of ours and no token
  datagram[14] = datagram[15] = 0
  datagram.writeUInt16BE(0x4000 | (bytes - 18), 16)
  return datagram
}
