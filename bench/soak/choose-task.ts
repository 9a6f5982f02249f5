/** The mixture of the load: which kinds of connections there are, how many of each at once, and what is left to chance. */
import type { Random } from '../../test/support/seeded.ts'
import type { Task } from './task.ts'

export const taskKinds = ['request', 'elephant', 'stalledReader', 'stalledServer', 'halfClosed'] as const
export type TaskKind = (typeof taskKinds)[number]

/** Of each kind so many are open at once, with a pause of up to so many milliseconds before the next. */
export const mixture: Readonly<Record<TaskKind, { readonly atOnce: number; readonly pauseMs: number }>> = {
  // Few enough that the ports in TIME_WAIT, a minute each, do not run out: below 200 a second.
  request: { atOnce: 12, pauseMs: 150 },
  elephant: { atOnce: 4, pauseMs: 4_000 },
  stalledReader: { atOnce: 6, pauseMs: 1_000 },
  stalledServer: { atOnce: 3, pauseMs: 1_000 },
  halfClosed: { atOnce: 4, pauseMs: 500 },
}

const [kib, mib] = [1 << 10, 1 << 20]

export function chooseTask(kind: TaskKind, { below, chance, logarithmic }: Random): Task {
  const plain = { seed: below(2 ** 31), serverEndsFirst: false, serverStallMs: 0, clientStallMs: 0 }
  const stallMs = 500 + below(4_500)
  switch (kind) {
    case 'request': {
      const [up, down] = [logarithmic(1, 16 * kib), logarithmic(1, 64 * kib)]
      const task = { ...plain, up, down }
      if (!chance(0.3)) return task
      return { ...task, reset: chance(0.5) ? { by: 'client', after: below(down) } : { by: 'server', after: below(up) } }
    }
    case 'elephant': {
      const size = (): number => logarithmic(4 * mib, 64 * mib)
      const [up, down] = [chance(0.7) ? size() : 1, chance(0.7) ? size() : 1]
      return { ...plain, up, down, ...(chance(0.1) ? { reset: { by: 'client' as const, after: below(down) } } : {}) }
    }
    case 'stalledReader':
      return { ...plain, up: 1_000, down: logarithmic(256 * kib, 16 * mib), clientStallMs: stallMs, ...(chance(0.4) ? { reset: { by: 'client' as const, after: 0 } } : {}) }
    case 'stalledServer':
      return { ...plain, up: logarithmic(256 * kib, 16 * mib), down: 1_000, serverStallMs: stallMs, ...(chance(0.4) ? { reset: { by: 'server' as const, after: 0 } } : {}) }
    case 'halfClosed':
      return { ...plain, up: logarithmic(1, 4 * mib), down: logarithmic(1, 256 * kib), serverEndsFirst: true, serverStallMs: chance(0.3) ? below(1_000) : 0 }
  }
}
