/** Checks of what a user hands in: option names, numbers, texts, functions. Every refusal says what was expected and what came. */
import leven from 'leven'
import { misuse } from './errors.ts'

/** Longest time a timer can be set to: 2^31 - 1 ms, 24.8 days. */
export const maxMs = 2_147_483_647

/** What carries no name of its own, by its role. */
const unnamed: ReadonlyMap<unknown, string> = new Map([
  ['source', 'the part listen'],
  ['when', 'the part when'],
  ['otherwise', 'the part otherwise'],
  ['endpoint', 'an endpoint'],
  ['pipeline', 'a pipeline'],
  ['user', 'a user'],
  ['via', 'a proxy'],
  ['upstreams', 'a set of upstreams'],
  ['service', 'a service'],
  ['check', 'a check'],
  ['file', 'a file'],
])

/** How a refused value is shown in a message, shortened. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value)
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (value === null || typeof value !== 'object') return typeof value === 'bigint' ? `${value}n` : String(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Promise) return 'a promise'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if ('name' in value && typeof value.name === 'string') return `the part ${value.name}`
  return ('role' in value ? unnamed.get(value.role) : undefined) ?? 'an object'
}

/** An object, of what `what` says. */
export function checkObject(node: string, what: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `expected an object with ${what}, not ${shown(value)}`)
}

/** An object that has no other than the known names. */
export function checkNames(node: string, options: unknown, known: readonly string[], what = 'options'): void {
  checkObject(node, what, options)
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const nearest = known.toSorted((a, b) => leven(name, a) - leven(name, b))[0]
    const near = nearest !== undefined && leven(name.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, nearest.length / 3)
    throw misuse(
      'ERR_MILLRACE_UNKNOWN_OPTION',
      node,
      near ? `unknown option "${name}": did you mean "${nearest}"?` : `unknown option "${name}": known are ${known.join(', ')}`,
    )
  }
}

/** Bounds of an option, both included. */
export type Bounds = { readonly least: number; readonly most: number; readonly unit: string; readonly zero?: string }

/** An integer within its bounds. `node` is the part, or the part and its option. */
export function checkInteger(node: string, name: string, value: unknown, { least, most, unit, zero }: Bounds): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  const what = name === '' ? '' : `${name} `
  const range = `an integer from ${least} to ${most}${unit === '' ? '' : ` ${unit}`}${zero === undefined ? '' : ` (0: ${zero})`}`
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${what}must be ${range}, not ${shown(value)}`)
}

/** A time in milliseconds, and what 0 means there. */
export function checkMs(node: string, name: string, value: unknown, zero = 'never'): number {
  return checkInteger(node, name, value, { least: 0, most: maxMs, unit: 'ms', zero })
}

/** A function, as handlers are. */
export function checkFunction(node: string, name: string, value: unknown): void {
  if (typeof value === 'function') return
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be a function, not ${shown(value)}`)
}

/** True or false. */
export function checkBoolean(node: string, name: string, value: unknown): void {
  if (typeof value === 'boolean') return
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be true or false, not ${shown(value)}`)
}

/** One of a few words. */
export function checkWord(node: string, name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === 'string' && words.includes(value)) return
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be ${words.map((word) => `"${word}"`).join(' or ')}, not ${shown(value)}`)
}

/** Bytes, or text that stands for its UTF-8 bytes. */
export function checkBytes(node: string, name: string, value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw misuse('ERR_MILLRACE_BAD_OPTION', node, `${name} must be a Uint8Array or a string, not ${shown(value)}`)
}

/** A time for people: 3600000 is `1 h`, 0 `never`. */
export function formatMs(ms: number): string {
  if (ms === 0) return 'never'
  for (const [unit, size] of [['h', 3_600_000], ['min', 60_000], ['s', 1_000]] as const) {
    if (ms % size === 0) return `${ms / size} ${unit}`
  }
  return `${ms} ms`
}
