/**
 * Names of upstreams, resolved off the loop and again by their TTL. What is known stays in use while a name cannot be resolved,
 * and nobody waits here: a session that needs an address waits in the addon, for as long as it may take to connect.
 */
import { lookup, Resolver as DnsResolver } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import { normalizeIp } from './address.ts'
import { safely } from './errors.ts'

/** An address of a name and for how many seconds it may be used. */
export type NameAddress = { readonly address: string; readonly ttl: number }

/** Finds the addresses of a name; rejects, or answers with none, where there is none. */
export type Resolver = (name: string) => Promise<readonly NameAddress[]>

/** Seconds for which an answer without a TTL of its own is used. */
export const plainTtl = 30
const [shortestTtl, longestTtl, longestPause] = [1, 3_600, 30]

/**
 * The system's names: the hosts file, then DNS with its TTL, then, for a name that DNS does not know, what getaddrinfo(3) makes of
 * it, search domains included.
 */
export function systemResolver(): Resolver {
  const dns = new DnsResolver({ timeout: 2_000, tries: 2 })
  return async (name) => {
    const local = await fromHosts(name)
    if (local.length > 0) return local
    const answers = await Promise.allSettled([dns.resolve4(name, { ttl: true }), dns.resolve6(name, { ttl: true })])
    const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (found.length > 0) return found
    const error: unknown = answers.find((answer) => answer.status === 'rejected')?.reason
    if (!isUnknownName(error)) throw error
    return (await lookup(name, { all: true })).map(({ address }) => ({ address, ttl: plainTtl }))
  }
}

/** DNS has no such name, or there is no DNS server at all. */
function isUnknownName(error: unknown): boolean {
  return error === undefined || (error instanceof Error && 'code' in error && ['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'].includes(String(error.code)))
}

async function fromHosts(name: string): Promise<readonly NameAddress[]> {
  const text = await readFile('/etc/hosts', 'utf8').catch(() => '')
  return hostsAddresses(text, name).map((address) => ({ address, ttl: plainTtl }))
}

/** The addresses of a name in the text of a hosts file, see hosts(5). */
export function hostsAddresses(text: string, name: string): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    return names.some((other) => other.toLowerCase() === name) && normalizeIp(address) !== undefined ? [address] : []
  })
}

/** What `watchName` needs and tells. */
export type NameWatch = {
  readonly resolver: Resolver
  readonly onAddresses: (addresses: readonly string[]) => void
  readonly onFailure: (message: string) => void
  /** Calls the function after so many milliseconds and returns what calls it off; a timer that keeps no process alive. */
  readonly schedule?: (act: () => void, ms: number) => () => void
}

/** Resolves a name now and then again by its TTL, 1 s to 1 h, after failures 1 to 30 s later; until the returned function is called. */
export function watchName(name: string, { resolver, onAddresses, ...rest }: NameWatch): () => void {
  const ask = async () => {
    const found = await resolver(name)
    const answer = [...new Set(found.flatMap(({ address }) => normalizeIp(address) ?? []))]
    if (answer.length === 0) throw new Error(`${name} has no address`)
    return { answer, ttls: found.map(({ ttl }) => ttl) }
  }
  return watchAnswer({ ask, onAnswer: onAddresses, ...rest })
}

/** What `watchAnswer` needs and tells. */
export type AnswerWatch<Answer> = Pick<NameWatch, 'onFailure' | 'schedule'> & {
  /** The answer and how long its parts may be used; rejects where there is none. */
  readonly ask: () => Promise<{ readonly answer: Answer; readonly ttls: readonly number[] }>
  readonly onAnswer: (answer: Answer) => void
}

/** Asks now and then again by the shortest TTL, 1 s to 1 h, after failures 1 to 30 s later; until the returned function is called. */
export function watchAnswer<Answer>({ ask: askOnce, onAnswer, onFailure, schedule = afterMs }: AnswerWatch<Answer>): () => void {
  let stopped = false
  let callOff: () => void = () => undefined
  let failures = 0

  const ask = async (): Promise<void> => {
    let seconds: number
    try {
      const { answer, ttls } = await askOnce()
      seconds = Math.min(Math.max(shortestTtl, Math.min(...ttls.map((ttl) => (Number.isFinite(ttl) ? ttl : plainTtl)))), longestTtl)
      failures = 0
      if (!stopped) onAnswer(answer)
    } catch (error) {
      seconds = Math.min(2 ** failures, longestPause)
      failures++
      if (!stopped) onFailure(safely(() => (error instanceof Error ? error.message : String(error))))
    }
    if (!stopped) callOff = schedule(() => void ask(), seconds * 1_000)
  }

  void ask()
  return () => {
    stopped = true
    callOff()
  }
}

/** A timer that keeps no process alive; returns what calls it off. */
export function afterMs(act: () => void, ms: number): () => void {
  const timer = setTimeout(act, ms).unref()
  return () => clearTimeout(timer)
}
