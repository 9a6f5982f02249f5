/** How many sessions are open, for those who cannot wait for an answer. */
import { readFileSync } from 'node:fs'
import { trackedIn, trackedNow } from './conntrack.ts'
import type { Tracked } from './conntrack.ts'

/** Entries that are read at once: about 10 ms. 50,000 of ours took 300 to 650 ms, in which nothing else of the process runs. */
const readAtOnce = 1_000
/** How old what was read of more may be before it is read again. */
const keptMs = 1_000

export type Reading = {
  /** Now, or, where the machine has many entries, as they were when it was last asked, a second or more ago: at first undefined. Undefined too where they are not to be seen. */
  last(): readonly Tracked[] | undefined
  /** All of them, without blocking. */
  fresh(): Promise<readonly Tracked[] | undefined>
}

export function readingOf(zones: ReadonlySet<number>): Reading {
  let kept: readonly Tracked[] | undefined
  let [at, under] = [-Infinity, false]
  const fresh = async (): Promise<readonly Tracked[] | undefined> => {
    kept = await trackedIn(zones).catch(() => undefined)
    at = performance.now()
    return kept
  }
  return {
    fresh,
    last() {
      if (entriesHere() <= readAtOnce) return now(zones)
      if (!under && performance.now() - at >= keptMs) {
        under = true
        void fresh().finally(() => (under = false))
      }
      return kept
    },
  }
}

function now(zones: ReadonlySet<number>): readonly Tracked[] | undefined {
  try {
    return trackedNow(zones)
  } catch {
    return undefined
  }
}

/** Of the whole network namespace. */
export function entriesHere(): number {
  try {
    return Number(readFileSync('/proc/sys/net/netfilter/nf_conntrack_count', 'latin1'))
  } catch {
    return 0
  }
}
