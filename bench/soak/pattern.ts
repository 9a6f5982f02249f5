/**
 * What the streams of the soak carry: one long block over and over, begun at a place that the seed of the stream says. Its length is prime, so that a block of any
 * buffer's size that is lost, sent twice or given to another stream moves all that follows, and is seen at once.
 */
import { random } from '../../test/support/seeded.ts'

const period = 1_048_573
/** Most that is made or compared at once. */
export const mostAtOnce = 65_536

const block = (() => {
  const bytes = Buffer.alloc(period + mostAtOnce)
  const { below } = random(1)
  for (let i = 0; i < period; i++) bytes[i] = below(256)
  bytes.copy(bytes, period, 0, mostAtOnce)
  return bytes
})()

/** The bytes of a stream from `position` on, which nobody may change. */
export function patternAt(seed: number, position: number, length: number): Buffer {
  const start = (seed + position) % period
  return block.subarray(start, start + Math.min(length, mostAtOnce))
}

export type Checker = {
  /** How many have been right. */
  readonly received: number
  /** False where they are not what comes next; from then on nothing is. */
  take(bytes: Buffer): boolean
}

export function checker(seed: number): Checker {
  let received = 0
  let right = true
  return {
    get received() {
      return received
    },
    take(bytes) {
      for (let at = 0; right && at < bytes.length; at += mostAtOnce) {
        const part = bytes.subarray(at, at + mostAtOnce)
        right = part.equals(patternAt(seed, received, part.length))
        if (right) received += part.length
      }
      return right
    },
  }
}
