/** Rates and sizes as the lines of `--stats`, `sink` and `blast` show them. */
import prettyBytes from 'pretty-bytes'
import type { Account } from '../ledger.ts'
import type { Dropped, Moved } from './reading.ts'

export function bytesText(value: number): string {
  return prettyBytes(Math.round(value), { maximumFractionDigits: 1 })
}

/** `352 pps`, `0.352 Mpps`. */
export function datagramsText(perSecond: number): string {
  return perSecond < 100_000 ? `${perSecond.toFixed(0)} pps` : mppsText(perSecond)
}

export function mppsText(perSecond: number): string {
  return `${(perSecond / 1e6).toFixed(3)} Mpps`
}

/** A second's megabytes and megabits, `10.730 MiB / 90.010 Mb`: the units of Cloudflare's "How to receive a million packets per second". */
export function volumeText(bytesPerSecond: number): string {
  return `${(bytesPerSecond / 2 ** 20).toFixed(3)} MiB / ${((8 * bytesPerSecond) / 1e6).toFixed(3)} Mb`
}

/** `0.352 Mpps 10.730 MiB / 90.010 Mb`. */
export function secondText({ datagrams, bytes }: Moved): string {
  return `${datagramsText(datagrams)} ${volumeText(bytes)}`
}

/** `dropped kernelOverflow 12, policy 3`, or nothing. */
export function droppedText(dropped: Dropped): readonly string[] {
  const parts = Object.entries(dropped).map(([reason, { datagrams }]) => `${reason} ${datagrams}`)
  return parts.length === 0 ? [] : [`dropped ${parts.join(', ')}`]
}

/** What the kernel was told about datagrams that it had sent, by ICMP, or nothing. */
export function icmpText({ datagrams: { icmpErrors } }: Account): readonly string[] {
  return icmpErrors === 0 ? [] : [`ICMP errors ${icmpErrors}`]
}

/** `1 session`, `2 sessions`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

export function balanceText(balanced: boolean): string {
  return balanced ? 'ledger balanced' : 'LEDGER DOES NOT BALANCE'
}

/** `0.0012 %` of a whole that may be nothing. */
export function percentText(part: number, whole: number): string {
  return `${percentOf(part, whole).toFixed(4)} %`
}

export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : (100 * part) / whole
}
