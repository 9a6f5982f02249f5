/**
 * What is known of a machine: the texts of /proc and /sys, what the kernel answered when it was asked, and what nft(8) says. Checks see nothing
 * else, so a test can hand them the files of another machine. What could not be read says why, and never passes for a value.
 */
import type { NativeProbe } from '../native.ts'

export type Unseen = { readonly unseen: string }

/** `nft list ruleset`: its text; or that the program is not there; or what it said instead. */
export type Nft = { readonly state: 'ruleset'; readonly text: string } | { readonly state: 'absent' } | { readonly state: 'refused'; readonly why: string }

export type Facts = {
  readonly read: (path: string) => string | Unseen
  readonly list: (folder: string) => readonly string[] | Unseen
  readonly probe: NativeProbe | Unseen
  readonly nft: Nft
  /** `v20.19.0`. */
  readonly nodeVersion: string
}

export function isUnseen(value: unknown): value is Unseen {
  return typeof value === 'object' && value !== null && 'unseen' in value
}

/** Whether a file could not be seen because there is none, which tells something too. */
export function isAbsent(value: unknown): boolean {
  return isUnseen(value) && value.unseen.endsWith('ENOENT')
}

/** The whole numbers in a file, separated by blanks. */
export function numbersAt({ read }: Pick<Facts, 'read'>, path: string): readonly number[] | Unseen {
  const text = read(path)
  if (isUnseen(text)) return text
  const numbers = text.trim().split(/\s+/).map(Number)
  return numbers.every(Number.isFinite) && text.trim() !== '' ? numbers : { unseen: `${path} does not hold numbers` }
}

export function numberAt(facts: Pick<Facts, 'read'>, path: string): number | Unseen {
  const numbers = numbersAt(facts, path)
  if (isUnseen(numbers)) return numbers
  return numbers[0] ?? { unseen: `${path} is empty` }
}

/** Whether this process has a capability, by its number in capabilities(7). */
export function hasCapability({ read }: Pick<Facts, 'read'>, capability: bigint): boolean | Unseen {
  const status = read('/proc/self/status')
  if (isUnseen(status)) return status
  const mask = /^CapEff:\s+([\da-f]+)/m.exec(status)?.[1]
  return mask === undefined ? { unseen: '/proc/self/status has no CapEff' } : ((BigInt(`0x${mask}`) >> capability) & 1n) === 1n
}

/** The number after a name in a file of lines such as `MemAvailable:  123 kB`. */
export function namedNumber({ read }: Pick<Facts, 'read'>, path: string, name: string): number | Unseen {
  const text = read(path)
  if (isUnseen(text)) return text
  const found = new RegExp(`^${name}:?\\s+(\\d+)`, 'm').exec(text)?.[1]
  return found === undefined ? { unseen: `${path} has no ${name}` } : Number(found)
}
