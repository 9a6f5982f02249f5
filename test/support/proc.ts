/** What /proc says about a process: memory, CPU time, wake-ups, descriptors. Linux only, as everything here. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as elapse } from 'node:timers/promises'

function field(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)
  if (found === null) throw new Error(`no ${name} in\n${text}`)
  return Number(found[1])
}

export const rssBytes = (pid: number): number => field(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmRSS') * 1024

/** User and system time of all threads, in seconds (clock ticks of 10 ms). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** `R`, `S`, `T` for one that was stopped, `Z` for one that has ended and nobody has waited for (proc(5)); nothing for one that is gone. */
export function processState(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0] ?? ''
  } catch {
    return ''
  }
}

/** How often each thread went to sleep or was put off the CPU. */
export function switches(pid: number): Map<number, number> {
  const counts = new Map<number, number>()
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8')
    counts.set(Number(tid), field(status, 'voluntary_ctxt_switches') + field(status, 'nonvoluntary_ctxt_switches'))
  }
  return counts
}

/** What each open descriptor is, by number; the one that lists the folder is not among them. */
export function descriptorsOf(pid: number): string[] {
  const list: string[] = []
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      list.push(`${fd} ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`)
    } catch {
      // The descriptor of this very listing is gone by now.
    }
  }
  return list
}

export const socketsOf = (pid: number): string[] => descriptorsOf(pid).filter((name) => name.includes('socket:'))

/** A mask of signals, as in /proc/PID/status: SigIgn, SigCgt, SigBlk. */
export function hasSignal(pid: number, mask: 'SigIgn' | 'SigCgt', signal: number): boolean {
  const found = new RegExp(`^${mask}:\\s+([0-9a-f]+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  if (found?.[1] === undefined) throw new Error(`no ${mask} for ${pid}`)
  return ((BigInt(`0x${found[1]}`) >> BigInt(signal - 1)) & 1n) === 1n
}

export type Load = {
  readonly seconds: number
  /** Of all threads. */
  readonly cpuSeconds: number
  readonly wakeUpsPerSecond: number
  /** Of the one thread that was named. */
  readonly threadWakeUpsPerSecond: number
}

/** Watches a process for a while: a measurement needs its length of time, nothing here is waited for. */
export async function observe(pid: number, ms: number, tid = pid): Promise<Load> {
  const [cpuBefore, before, start] = [cpuSeconds(pid), switches(pid), performance.now()]
  await elapse(ms)
  const [cpuAfter, after, seconds] = [cpuSeconds(pid), switches(pid), (performance.now() - start) / 1000]
  const wakeUps = (thread: number): number => ((after.get(thread) ?? 0) - (before.get(thread) ?? 0)) / seconds
  return {
    seconds,
    cpuSeconds: cpuAfter - cpuBefore,
    wakeUpsPerSecond: [...after.keys()].reduce((sum, thread) => sum + wakeUps(thread), 0),
    threadWakeUpsPerSecond: wakeUps(tid),
  }
}

/** The first look at which it is quiet, or the fifth: garbage is collected after a load, and that ends; a timer that is left over, or an event that nobody takes, does not. */
export async function observeQuiet(look: () => Promise<Load>, isQuiet: (load: Load) => boolean): Promise<Load> {
  let load = await look()
  for (let looks = 1; looks < 5 && !isQuiet(load); looks++) load = await look()
  return load
}

/** Asks another process again and again until the answer is yes, for states that nothing announces; `until` is its twin in here. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>, limitMs = 50_000): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${what}`)
    await elapse(10)
  }
}

/** Waits until a figure has stopped changing: the same over `samples` looks, 100 ms apart. */
export async function settled(figure: () => number | Promise<number>, samples = 10): Promise<number> {
  let last = await figure()
  for (let same = 0; same < samples; ) {
    await elapse(100)
    const next = await figure()
    same = next === last ? same + 1 : 0
    last = next
  }
  return last
}
