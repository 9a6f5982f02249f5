/** The checks of one member of a set, one after the other. */
import { maxMs } from '../options.ts'
import type { PlanCheck, PlanEndpoint } from '../plan.ts'
import { runCheck } from './run-check.ts'
import type { RunCheck } from './run-check.ts'

/** A member's health, as its checks have found it. */
export type Checker = {
  readonly down: () => boolean
  readonly stop: () => void
}

export type CheckerOptions = {
  readonly onChange: (down: boolean, why: string) => void
  readonly run?: RunCheck
  /** 0 to 1, for the jitter. */
  readonly random?: () => number
}

/** What fails here says nothing about the member: there was no descriptor, no memory or no port. */
const ours: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EAGAIN', 'EADDRINUSE', 'EADDRNOTAVAIL'])

/** Checks now, and then again and again until it is stopped. Keeps no process alive. */
export function startChecker(check: PlanCheck, at: PlanEndpoint, { onChange, run = runCheck, random = Math.random }: CheckerOptions): Checker {
  let [down, first, streak, stopped] = [false, true, 0, false]
  let callOff = (): void => undefined

  const judge = (failure: string | undefined): void => {
    const contradicts = (failure === undefined) === down
    streak = contradicts ? streak + 1 : 0
    const needed = first ? 1 : down ? check.rise : check.fall
    first = false
    if (streak < needed) return
    streak = 0
    down = !down
    onChange(down, failure ?? `${check.name} has passed`)
  }

  const isStopped = (): boolean => stopped // by who was told
  const next = (): void => {
    const begun = performance.now()
    callOff = run(check, at, (failure) => {
      if (stopped) return
      if (!ours.has(failure)) judge(failure)
      if (isStopped()) return
      const pause = check.intervalMs * (0.9 + 0.2 * random()) - (performance.now() - begun)
      const timer = setTimeout(next, Math.min(Math.max(pause, 0), maxMs)).unref()
      callOff = () => clearTimeout(timer)
    })
  }
  next()
  return {
    down: () => down,
    stop() {
      stopped = true
      callOff()
    },
  }
}
