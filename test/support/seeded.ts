/**
 * Chance that can be repeated: one seed a run, printed once, taken from MILLRACE_SEED where it is set (decimal or 0x…).
 */
import { randomInt } from 'node:crypto'

export type Random = {
  /** A whole number from 0 to below `limit`. */
  readonly below: (limit: number) => number
  /** True `share` of the time. */
  readonly chance: (share: number) => boolean
  readonly pick: <T>(choices: readonly [T, ...T[]]) => T
  /** From `low` to `high`, each power of two as likely as the next. */
  readonly logarithmic: (low: number, high: number) => number
}

/** sfc32: small, fast, and good enough for sizes and orders. Several parts make one stream: `random(seed(), flow)`. */
export function random(...parts: readonly number[]): Random {
  let a = 0x9e3779b9 | 0
  let b = 0x243f6a88 | 0
  let c = 0xb7e15162 | 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return sum >>> 0
  }
  for (const part of parts) {
    a ^= part | 0
    b ^= Math.floor(part / 0x1_0000_0000) | 0
    for (let round = 0; round < 12; round++) next()
  }
  const fraction = (): number => next() / 0x1_0000_0000
  const below = (limit: number): number => Math.floor(fraction() * limit)
  return {
    below,
    chance: (share) => fraction() < share,
    pick: (choices) => choices[below(choices.length)] ?? choices[0],
    logarithmic: (low, high) => Math.min(high, Math.floor(low * (high / low) ** fraction())),
  }
}

let chosen: number | undefined

/** The seed of this process, printed the first time it is asked for. */
export function seed(): number {
  if (chosen === undefined) {
    const given = process.env['MILLRACE_SEED']
    chosen = given === undefined ? randomInt(2 ** 32) : Number(given)
    if (!Number.isSafeInteger(chosen) || chosen < 0) throw new Error(`MILLRACE_SEED: "${given ?? ''}" is not a whole number from 0 on`)
    console.log(`      seed ${chosen} (MILLRACE_SEED=${chosen} runs it again)`)
  }
  return chosen
}
