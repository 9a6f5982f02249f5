/** Numbers as doctor shows them. */
import { getSystemErrorName } from 'node:util'
import prettyBytes from 'pretty-bytes'

/** `8 MiB`, `1.1 GiB`. */
export function bytesText(bytes: number): string {
  return prettyBytes(Math.round(bytes), { binary: true, maximumFractionDigits: 1 })
}

/** `50,000`. */
export function numberText(value: number): string {
  return Math.floor(value).toLocaleString('en')
}

/** `1 CPU`, `2 CPUs`, `1,024 flows`. */
export function many(count: number, one: string, several = `${one}s`): string {
  return `${numberText(count)} ${Math.floor(count) === 1 ? one : several}`
}

/** `7.81 Mpps`, `350 pps`. */
export function ppsText(perSecond: number): string {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(2)} Mpps`
  return perSecond >= 100_000 ? `${(perSecond / 1e6).toFixed(3)} Mpps` : `${perSecond < 100 ? trimmed(perSecond) : numberText(perSecond)} pps`
}

/** `54.1 Gbit/s`, `320 Mbit/s`, `0.8 Mbit/s`. */
export function bitsText(bitsPerSecond: number): string {
  return bitsPerSecond >= 1e9 ? `${trimmed(bitsPerSecond / 1e9)} Gbit/s` : `${trimmed(bitsPerSecond / 1e6)} Mbit/s`
}

/** With one digit where it tells something. */
export function trimmed(value: number): string {
  return value.toFixed(1).replace(/\.0$/, '')
}

/** `2.1 ms`, `350 µs`. */
export function timeText(seconds: number): string {
  if (seconds >= 1) return `${trimmed(seconds)} s`
  return seconds >= 1e-3 ? `${trimmed(seconds * 1e3)} ms` : `${(seconds * 1e6).toFixed(0)} µs`
}

/** The name of a failed system call's result, which is below 0. */
export function errnoText(result: number): string {
  return getSystemErrorName(result)
}
