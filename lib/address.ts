/** IP addresses and networks as text: reading what users write, showing what the addon reports. An IPv4-mapped address is IPv4. */
import { isIP, isIPv6 } from 'node:net'
import { misuse } from './errors.ts'
import { shown } from './options.ts'

/** The eight groups of an IPv6 address without scope; the caller has checked that it is one. */
function groupsOf(address: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex = (a: string | undefined, b: string | undefined) => ((Number(a) << 8) | Number(b)).toString(16)
  const text = dotted === null ? address : `${dotted[1]}${hex(dotted[2], dotted[3])}:${hex(dotted[4], dotted[5])}`
  const [before = '', after] = text.split('::')
  const parse = (part: string | undefined) => (part === undefined || part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)))
  const [head, tail] = [parse(before), parse(after)]
  return after === undefined ? head : [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatGroups(groups: readonly number[]): string {
  let [start, length] = [-1, 1]
  for (let i = 0; i < groups.length; ) {
    let end = i
    while (end < groups.length && groups[end] === 0) end++
    if (end - i > length) [start, length] = [i, end - i]
    i = Math.max(end, i + 1)
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':')
  if (start < 0) return hex(groups)
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

function mappedOf(groups: readonly number[]): string | undefined {
  if (!groups.slice(0, 5).every((group) => group === 0) || groups[5] !== 0xffff) return undefined
  const [high = 0, low = 0] = groups.slice(6)
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** An IP address in its one usual form, or `undefined` for what is none; the scope of `fe80::1%eth0` is kept. */
export function normalizeIp(text: string): string | undefined {
  const version = isIP(text)
  if (version === 0) return undefined
  if (version === 4) return text
  const [address = '', scope] = text.split('%')
  const groups = groupsOf(address)
  return mappedOf(groups) ?? `${formatGroups(groups)}${scope === undefined ? '' : `%${scope}`}`
}

/** 127.0.0.0/8, ::1, or the name of both. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d+){3}$/.test(host)
}

/** `127.0.0.1:80`, `[::1]:80`, `[::1]:80-90`. */
export function formatHostPort(host: string, port: number, lastPort = port): string {
  const ports = lastPort === port ? `${port}` : `${port}-${lastPort}`
  return isIPv6(host) ? `[${host}]:${ports}` : `${host}:${ports}`
}

/**
 * The 20 bytes of a peer's address, as in `native.ts`: family, 0, port, 16 bytes. `unix` is what a Unix socket is called, or says it by the number that
 * stands in the place of a port; family 0 is `undefined`.
 */
export function addressText(bytes: Uint8Array, at: number, unix: string | ((id: number) => string | undefined) | undefined): string | undefined {
  const byte = (i: number): number => bytes[at + i] ?? 0
  const port = (byte(2) << 8) | byte(3)
  switch (byte(0)) {
    case 1:
      return typeof unix === 'function' ? unix(port) : unix
    case 4:
      return `${byte(4)}.${byte(5)}.${byte(6)}.${byte(7)}:${port}`
    case 6: {
      const groups = Array.from({ length: 8 }, (_, i) => (byte(4 + 2 * i) << 8) | byte(5 + 2 * i))
      const mapped = mappedOf(groups)
      return mapped === undefined ? `[${formatGroups(groups)}]:${port}` : `${mapped}:${port}`
    }
  }
  return undefined
}

/**
 * A network in its one usual form, `10.0.0.0/8`; an address alone is the network of this one address. Bits after the prefix
 * are cleared. Throws ERR_MILLRACE_BAD_CIDR.
 */
export function parseCidr(node: string, text: unknown): string {
  const refuse = (why: string) => misuse('ERR_MILLRACE_BAD_CIDR', node, `${shown(text)} is not a CIDR: ${why}`)
  if (typeof text !== 'string') throw refuse('expected a string such as "10.0.0.0/8"')
  const slash = text.indexOf('/')
  const [host, suffix] = slash < 0 ? [text, undefined] : [text.slice(0, slash), text.slice(slash + 1)]
  const version = isIP(host)
  if (version === 0) throw refuse(`${shown(host)} is not an IPv4 or IPv6 address`)
  if (host.includes('%')) throw refuse('a network has no scope')
  const most = version === 4 ? 32 : 128
  const prefix = suffix === undefined ? most : Number(suffix)
  if (suffix !== undefined && (!/^\d{1,3}$/.test(suffix) || prefix > most)) throw refuse(`an IPv${version} prefix is 0 to ${most}`)
  if (version === 4) return `${maskIpv4(host, prefix)}/${prefix}`
  const groups = groupsOf(host)
  const mapped = prefix >= 96 ? mappedOf(groups) : undefined
  if (mapped !== undefined) return `${maskIpv4(mapped, prefix - 96)}/${prefix - 96}`
  return `${formatGroups(groups.map((group, i) => group & maskOf(16, prefix - 16 * i)))}/${prefix}`
}

function maskIpv4(address: string, prefix: number): string {
  return address
    .split('.')
    .map((byte, i) => Number(byte) & maskOf(8, prefix - 8 * i))
    .join('.')
}

/** The mask of a group of `width` bits of which the first `ones` count. */
function maskOf(width: number, ones: number): number {
  const kept = Math.min(Math.max(ones, 0), width)
  return ((1 << width) - 1) ^ ((1 << (width - kept)) - 1)
}

/** At least one network; throws ERR_MILLRACE_BAD_CIDR and, for none, ERR_MILLRACE_BAD_OPTION. */
export function parseCidrs(node: string, texts: readonly unknown[]): readonly string[] {
  if (texts.length === 0) throw misuse('ERR_MILLRACE_BAD_OPTION', node, 'expected at least one CIDR such as "10.0.0.0/8"')
  return texts.map((text) => parseCidr(node, text))
}
