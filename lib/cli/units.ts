/**
 * Durations, sizes, rates and counts as people type them on a command line. A number always carries its unit: `60` alone is
 * refused, since it could be seconds or milliseconds. SI and IEC units are told apart: 10MB is 10,000,000 bytes, 10MiB is 10,485,760.
 */
import { maxMs } from '../options.ts'
import { usage } from './usage.ts'

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

const bytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
}

/** Splits `10MB` into 10 and `MB`; nothing else may stand around them. */
function split(text: string): { readonly amount: number; readonly unit: string } | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([A-Za-z]*)$/.exec(text)
  if (match?.[1] === undefined || match[2] === undefined) return undefined
  return { amount: Number(match[1]), unit: match[2] }
}

/** `250ms`, `60s`, `1.5m`, `1h`, `2d` in milliseconds: no more than a timer can be set to. */
export function duration(option: string, text: string): number {
  const expected = 'write it like 250ms, 60s, 5m or 1h'
  const parts = split(text)
  if (parts === undefined) throw usage(`${option}: "${text}" is not a duration: ${expected}`)
  if (parts.unit === '') throw usage(`${option}: "${text}" has no unit: ${expected}`)
  const factor = Object.hasOwn(milliseconds, parts.unit) ? milliseconds[parts.unit] : undefined
  if (factor === undefined) throw usage(`${option}: "${text}" has the unknown unit "${parts.unit}": ${expected}`)
  const value = Math.round(parts.amount * factor * 1000) / 1000
  if (!Number.isSafeInteger(value)) throw usage(`${option}: "${text}" is not a whole number of milliseconds`)
  if (value > maxMs) throw usage(`${option}: "${text}" is too long: the most is ${maxMs}ms, 24.8 days`)
  return value
}

/** `60s`, `5m` in seconds: whole ones, from 1 to `most`. */
export function seconds(option: string, text: string, most: number): number {
  const value = duration(option, text) / 1000
  const refuse = (expected: string) => usage(`${option}: expected ${expected}, got ${text}`)
  if (value < 1) throw refuse('at least 1s')
  if (value > most) throw refuse(`at most ${most}s`)
  if (!Number.isInteger(value)) throw refuse('whole seconds')
  return value
}

/** `512B`, `64KiB`, `10MB` in bytes. */
export function size(option: string, text: string): number {
  return quantity(option, text, '', 'size')
}

/** `64KiB/s`, `10MB/s` in bytes a second. */
export function rate(option: string, text: string): number {
  if (!text.endsWith('/s')) throw usage(`${option}: "${text}" is not a rate: write it like 10MB/s or 64KiB/s`)
  return quantity(option, text, '/s', 'rate')
}

function quantity(option: string, text: string, suffix: string, what: string): number {
  const expected = `write it like 10MB${suffix} or 64KiB${suffix}`
  const parts = split(text.slice(0, text.length - suffix.length))
  if (parts === undefined) throw usage(`${option}: "${text}" is not a ${what}: ${expected}`)
  if (parts.unit === '') throw usage(`${option}: "${text}" has no unit: ${expected}`)
  const factor = Object.hasOwn(bytes, parts.unit) ? bytes[parts.unit] : undefined
  if (factor === undefined) throw usage(`${option}: "${text}" has the unknown unit "${parts.unit}": ${nearUnits(parts.unit, suffix) ?? expected}`)
  const value = Math.round(parts.amount * factor)
  if (!Number.isSafeInteger(value)) throw usage(`${option}: "${text}" is too large`)
  if (value === 0) throw usage(`${option}: "${text}" is less than one byte${suffix === '' ? '' : ' a second'}`)
  return value
}

/** `10mb` and `10M` could be SI, IEC or bits: name the two that are meant most often. */
function nearUnits(unit: string, suffix: string): string | undefined {
  const letter = unit.charAt(0).toUpperCase()
  if (!['K', 'M', 'G', 'T'].includes(letter) || unit.length > 3) return undefined
  const [si, iec] = [`${letter}B`, `${letter}iB`]
  return `write ${si}${suffix} (${(bytes[si] ?? 0).toLocaleString('en')} bytes) or ${iec}${suffix} (${(bytes[iec] ?? 0).toLocaleString('en')} bytes)`
}

const datagrams: Readonly<Record<string, number>> = { pps: 1, kpps: 1e3, Mpps: 1e6 }

/** `100pps`, `500kpps`, `1.5Mpps` in datagrams a second; `max`, as fast as it goes, is 0. */
export function datagramRate(option: string, text: string): number {
  if (text === 'max') return 0
  const expected = 'write it like 100pps, 500kpps, 1Mpps or max'
  const parts = split(text)
  if (parts === undefined) throw usage(`${option}: "${text}" is not a rate of datagrams: ${expected}`)
  if (parts.unit === '') throw usage(`${option}: "${text}" has no unit: ${expected}`)
  const factor = Object.hasOwn(datagrams, parts.unit) ? datagrams[parts.unit] : undefined
  if (factor === undefined) throw usage(`${option}: "${text}" has the unknown unit "${parts.unit}": ${expected}`)
  const value = Math.round(parts.amount * factor)
  if (!Number.isSafeInteger(value)) throw usage(`${option}: "${text}" is too large`)
  if (value === 0) throw usage(`${option}: "${text}" is less than one datagram a second: for as fast as it goes write max`)
  return value
}

/** A whole number of at least `least`. */
export function count(option: string, text: string, least: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
    throw usage(`${option}: "${text}" is not a whole number of at least ${least}`)
  }
  return value
}
