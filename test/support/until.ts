/**
 * Waiting in tests: always for something that happens, never for time to pass. The deadline only turns a hang into a message.
 */
import { setImmediate as turn } from 'node:timers/promises'

export const deadlineMs = 15_000

/** The promise's value, or an error that names what did not happen. */
export async function within<T>(promise: Promise<T>, what: string | (() => string), ms = deadlineMs): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, refuse) => {
    timer = setTimeout(() => { refuse(new Error(`waited ${ms} ms for ${typeof what === 'string' ? what : what()}`)) }, ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** For what sends no event (a kernel queue, a counter): looks once a turn of the event loop. */
export async function until(condition: () => boolean, what: string | (() => string), ms = deadlineMs): Promise<void> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited ${ms} ms for ${typeof what === 'string' ? what : what()}`)
    await turn()
  }
}

/** The one deliberate pause: for tests whose subject is that time passes. */
export function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms))
}

/** Holds this thread, and the loops that are embedded in it: what comes meanwhile is there at once when it goes on. */
export function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Steps that are together longer than the timeout which each of them puts off; a machine that stands still for a second ends nothing. */
export const patience = { timeoutMs: 1_500, stepMs: 100, steps: 24 } as const
