/**
 * Looks up the names that clients of a proxy ask for. What was found is used as long as its TTL, 1 s to 1 h, and that there is nothing for 5 s; the same name is asked for once at a time, and of different ones 64 at most, so that no
 * client keeps the others from theirs for long. A name's waiting session has a deadline of its own.
 */
import { normalizeIp } from './address.ts'
import type { Resolver } from './resolve.ts'

/** The addresses of a name, none where it has none. Never rejects. */
export type LookUp = (name: string) => Promise<readonly string[]>

const [mostKnown, mostAtOnce] = [4_096, 64]
const [leastMs, mostMs, unknownMs, patienceMs] = [1_000, 3_600_000, 5_000, 10_000]

type Known = { readonly addresses: readonly string[]; readonly until: number }

export function createLookUp(resolver: Resolver, now: () => number = Date.now): LookUp {
  const known = new Map<string, Known>()
  const underWay = new Map<string, Promise<readonly string[]>>()
  const waiting: (() => void)[] = []
  let asking = 0

  const place = async (): Promise<void> => {
    if (asking >= mostAtOnce) await new Promise<void>((resolve) => waiting.push(resolve))
    else asking++
  }
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) asking--
    else next()
  }

  const ask = async (name: string): Promise<readonly string[]> => {
    await place()
    const found = await within(resolver(name), patienceMs)
    leave()
    const addresses = [...new Set(found.flatMap(({ address }) => normalizeIp(address) ?? []))]
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

/** None where it takes longer, or fails. */
async function within<T>(answer: Promise<readonly T[]>, ms: number): Promise<readonly T[]> {
  let callOff: NodeJS.Timeout | undefined
  const late = new Promise<readonly T[]>((resolve) => {
    callOff = setTimeout(() => resolve([]), ms).unref()
  })
  return Promise.race([answer.catch(() => []), late]).finally(() => clearTimeout(callOff))
}
