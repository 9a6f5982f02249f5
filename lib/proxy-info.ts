/** What a proxy has said of a session in a header of the PROXY protocol. */

/**
 * What `proxyProtocol` has read beside the downstream. A proxy that speaks for itself, or whose header is ignored, says nothing of a session.
 */
export type ProxyInfo = {
  /** Where the downstream reached the proxy: `192.0.2.1:443`. */
  readonly destination: string
  /**
   * The TLVs of version 2 by their type, as they were sent; of a type that comes twice the first. Those of HAProxy's doc/proxy-protocol.txt, section 2.2, are 0x01 ALPN, 0x02 authority, which is the
   * server name of TLS, 0x05 the unique id of the connection, and 0x20 SSL: a byte of flags, four of the result of the verification, and TLVs again (`parseTlvs`).
   */
  readonly tlvs: ReadonlyMap<number, Buffer>
}

/** TLVs as they stand one behind the other: a byte for the type, two for the length. What does not fit at the end is left out. The values are views of the bytes. */
export function parseTlvs(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const tlvs = new Map<number, Buffer>()
  for (let at = 0; at + 3 <= bytes.length; ) {
    const [type, end] = [bytes.readUInt8(at), at + 3 + bytes.readUInt16BE(at + 1)]
    if (end > bytes.length) break
    if (!tlvs.has(type)) tlvs.set(type, bytes.subarray(at + 3, end))
    at = end
  }
  return tlvs
}
