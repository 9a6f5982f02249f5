/**
 * Looks up the names that clients of a proxy ask for. What was found is used as long as its TTL, 1 s to 1 h, and that there is nothing for 5 s; the same name is asked for once at a time, and of different ones 64 at most, so that no
 * client keeps the others from theirs for long: who has not had a turn within 10 s is told that there is nothing, so the queue is never longer than that. A name's waiting session has a deadline of its own.
 */
import { normalizeIp } from './address.ts'
import type { NameAddress, Resolver } from './resolve.ts'

/** The addresses of a name, none where it has none; of more than 64 the first. Never rejects. */
export type LookUp = (name: string) => Promise<readonly string[]>

const [mostKnown, mostAtOnce, mostAddresses] = [4_096, 64, 64]
const [leastMs, mostMs, unknownMs, patienceMs] = [1_000, 3_600_000, 5_000, 10_000]

type Known = { readonly addresses: readonly string[]; readonly until: number }

/** What a look-up takes from its surroundings, and a test gives it: the clock, and a timer that keeps no process alive; what `schedule` returns calls it off. */
export type LookUpClock = { readonly now: () => number; readonly schedule: (act: () => void, ms: number) => () => void }

const realClock: LookUpClock = {
  now: Date.now,
  schedule(act, ms) {
    const timer = setTimeout(act, ms).unref()
    return () => clearTimeout(timer)
  },
}

export function createLookUp(resolver: Resolver, { now, schedule }: LookUpClock = realClock): LookUp {
  const known = new Map<string, Known>()
  const underWay = new Map<string, Promise<readonly string[]>>()
  const waiting = new Set<() => void>()
  let asking = 0

  /** Whether its turn came in time. */
  const place = async (): Promise<boolean> => {
    if (asking < mostAtOnce) {
      asking++
      return true
    }
    let go: () => void = () => undefined
    const turn = new Promise<true>((resolve) => { go = () => resolve(true) })
    waiting.add(go)
    const came = await within(turn, false)
    waiting.delete(go)
    return came
  }
  const leave = (): void => {
    const [next] = waiting
    if (next === undefined) asking--
    else {
      waiting.delete(next)
      next()
    }
  }

  /** `late` where it takes longer than one has patience. */
  const within = async <T, L>(answer: Promise<T>, late: L): Promise<T | L> => {
    let callOff: () => void = () => undefined
    const tooLate = new Promise<L>((resolve) => { callOff = schedule(() => resolve(late), patienceMs) })
    return Promise.race([answer, tooLate]).finally(() => callOff())
  }

  const ask = async (name: string): Promise<readonly string[]> => {
    if (!(await place())) return []
    const found = await within(answerOf(resolver, name), [])
    leave()
    const addresses = [...new Set(found.map(({ address }) => address))].slice(0, mostAddresses)
    const ttlMs = addresses.length === 0 ? unknownMs : Math.min(Math.max(Math.min(...found.map(({ ttl }) => ttl * 1_000)), leastMs), mostMs)
    known.delete(name)
    known.set(name, { addresses, until: now() + ttlMs })
    const [oldest] = known.keys()
    if (known.size > mostKnown && oldest !== undefined) known.delete(oldest)
    return addresses
  }

  return (name) => {
    const before = known.get(name)
    if (before !== undefined && before.until > now()) return Promise.resolve(before.addresses)
    const going = underWay.get(name)
    if (going !== undefined) return going
    const asked = ask(name).finally(() => underWay.delete(name))
    underWay.set(name, asked)
    return asked
  }
}

/** None where the resolver fails, or answers with what is no list of addresses. */
async function answerOf(resolver: Resolver, name: string): Promise<readonly NameAddress[]> {
  try {
    return (await resolver(name)).flatMap(({ address, ttl }) => {
      const ip = normalizeIp(address)
      return ip === undefined ? [] : { address: ip, ttl: Number.isFinite(ttl) ? ttl : Number.NaN }
    })
  } catch {
    return []
  }
}
