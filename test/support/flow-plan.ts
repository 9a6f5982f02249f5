/** What a random flow does: how much each side sends, in which pieces, when it begins and when it ends. */
import { random, type Random } from './seeded.ts'

export type Half = {
  readonly bytes: number
  /** Where in the pool the bytes are. */
  readonly at: number
  /** The sizes of the writes, and how often the writer lets the event loop turn between two of them. */
  readonly chunk: { readonly least: number; readonly most: number; readonly apart: number }
  /** The writer begins when it has received this many bytes, or the other side's FIN. */
  readonly startsAfter: number | 'end'
  /** The writer sends its FIN when all is written and it has received this many bytes, or the other side's FIN. */
  readonly endsAfter: number | 'end'
  readonly readerPausesAfter: number
}

export type Flow = { readonly number: number; readonly up: Half; readonly down: Half }

/** Sizes are logarithmic up to `mostBytes`, but seldom above `usuallyBytes`. */
export type Sizes = { readonly usuallyBytes: number; readonly mostBytes: number; readonly largeShare: number }

export function planFlow(seed: number, number: number, sizes: Sizes): Flow {
  const chance = random(seed, number, 0)
  const bytes = [size(chance, sizes), size(chance, sizes)] as const
  // One side never waits for the other, so that no flow waits for itself.
  const leader = chance.below(2)
  const waits = (of: 0 | 1): Pick<Half, 'startsAfter' | 'endsAfter'> => {
    if (of === leader || chance.chance(0.4)) return { startsAfter: 0, endsAfter: 0 }
    const others = bytes[of === 0 ? 1 : 0]
    return {
      startsAfter: chance.pick<number | 'end'>([0, 'end', chance.below(others + 1)]),
      endsAfter: chance.pick<number | 'end'>([0, 'end', chance.below(others + 1)]),
    }
  }
  const half = (of: 0 | 1): Half => ({
    bytes: bytes[of],
    at: chance.below(8 * 2 ** 20),
    chunk: pieces(chance, bytes[of]),
    ...waits(of),
    readerPausesAfter: chance.chance(0.3) ? chance.logarithmic(1024, 2 ** 20) : Infinity,
  })
  return { number, up: half(0), down: half(1) }
}

function size(chance: Random, { usuallyBytes, mostBytes, largeShare }: Sizes): number {
  if (chance.chance(0.12)) return 0
  if (chance.chance(largeShare)) return chance.below(mostBytes + 1)
  return chance.logarithmic(1, usuallyBytes)
}

/** Between single bytes and everything at once, in no more than a few hundred pieces. */
function pieces(chance: Random, bytes: number): Half['chunk'] {
  const least = Math.max(1, Math.ceil(bytes / 200))
  const most = chance.pick([least, least * 2, 65_536, Math.max(1, bytes)])
  return { least, most: Math.max(least, most), apart: chance.pick([0, 0.05, 0.5, 1]) }
}
