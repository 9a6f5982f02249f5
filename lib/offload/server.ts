/** A running server whose packets the kernel moves: what its table and conntrack say, in the words of every server. */
import { formatHostPort } from '../address.ts'
import { portCount } from '../endpoint.ts'
import { misuse } from '../errors.ts'
import { ledgerOf } from '../ledger.ts'
import type { Ledger } from '../ledger.ts'
import { checkMs, checkNames } from '../options.ts'
import type { Server, ServerAddress } from '../server.ts'
import { tellEvents } from '../tell-events.ts'
import { isRemoved } from './at-exit.ts'
import type { Tracked } from './conntrack.ts'
import { rowOf } from './counters.ts'
import type { Counts } from './counters.ts'
import type { Held } from './hold.ts'
import { forget, lacking, list, listSync, load } from './nft.ts'
import type { OffloadSettings } from './offload.ts'
import { readingOf } from './reading.ts'
import { familyOf } from './routes.ts'
import { deleteText, drainText, shutText } from './rules.ts'
import type { OffloadRoute } from './rules.ts'
import { listTracked } from './sessions.ts'
import { countsIn, tableNames } from './tables.ts'
import type { Updates } from './updates.ts'

export type OffloadParts = OffloadSettings & {
  readonly name: string
  readonly routes: readonly OffloadRoute[]
  readonly held: Held
  readonly updates: Updates
  readonly stop: () => void
  readonly explain: string
}

/** How often it is looked whether the last session has ended. */
const drainEveryMs = 100
/** Looking takes a tenth of the time at most. */
const drainShare = 10
/** A flow that has been quiet for so long has ended, as in user space, when the server is closing. */
const quietMs = 1_000
/** The same of all sessions together where they are not to be seen, by the counters. */
const quietByCountersMs = 2_000
/** How often it is looked whether the table is still there. */
const watchEveryMs = 3_000

export function createOffloadServer({ name, routes, held, updates, stop, explain, onEvents, onError }: OffloadParts): Server {
  updates.begin(name, routes)
  const zones = new Set(routes.map(({ zone }) => zone))
  const reading = readingOf(zones)
  let counts: Counts = new Map()
  let last: Ledger | undefined
  let [deadline, closing, gone, told] = [Infinity, false, false, false]
  let wake = (): void => undefined
  let settle = (): void => undefined
  const closed = new Promise<void>((resolve) => (settle = resolve))

  const tellOnce = (error: unknown): void => {
    if (!told) onError(error, undefined)
    told = true
  }
  const isGone = (): void => {
    if (gone) return
    gone = true
    const message = `the table ${name} is gone: somebody has removed its rules, and nothing is relayed`
    if (onEvents === undefined) tellOnce(lacking(message))
    else tellEvents({ onEvents, onError }, [{ type: 'notice', code: 'offloadGone', at: Date.now(), pipeline: 0, message }])
  }
  const watch = setInterval(() => {
    // What fails here is told where it is needed: by the next ledger, and at the end.
    list('tables', 'inet').then((printed) => {
      if (!closing && !tableNames(printed).includes(name)) isGone()
    }, () => undefined)
  }, watchEveryMs).unref()
  const readCounts = (): Counts => {
    try {
      // Not `list counters`: nft 1.0.6 then reads every rule of the machine, 240 ms where there are 20,000, and the table alone takes 8.
      const printed = listSync('table', 'inet', name)
      if (printed !== undefined) return (counts = countsIn(printed))
      isGone()
    } catch (error) {
      tellOnce(error)
    }
    return counts
  }
  const ledgerWith = (over: boolean, tracked: readonly Tracked[] | undefined): Ledger => {
    const now = readCounts()
    return ledgerOf([routes.map(({ plan, zone }, i) => {
      const here = tracked?.filter((one) => one.zone === zone).length
      return rowOf(now, i, plan.kind, over ? { open: 0, over, cut: plan.kind === 'stream' ? (here ?? 0) : 0 } : { open: here, over })
    })])
  }
  let [moved, movedAt] = [-1, 0]
  const nothingMoves = async (): Promise<boolean> => {
    const now = countsIn(await list('table', 'inet', name))
    const packets = [...now.values()].reduce((sum, one) => sum + one.packets, 0)
    if (packets !== moved) [moved, movedAt] = [packets, performance.now()]
    return packets === 0 || performance.now() - movedAt >= quietByCountersMs
  }
  const drained = async (): Promise<boolean> => {
    const tracked = await reading.fresh()
    return tracked === undefined ? nothingMoves() : tracked.every((one) => isFlow(routes, one) && one.idleMs >= quietMs)
  }

  const end = async (): Promise<void> => {
    try {
      readCounts()
      if (!gone) await shut()
      last ??= ledgerWith(true, [])
    } catch (error) {
      onError(error, undefined)
      last ??= ledgerOf([routes.map(({ plan }, i) => rowOf(counts, i, plan.kind, { open: 0, over: true }))])
      await load(deleteText([name])).catch(() => undefined) // What is wrong has been told.
    }
    isRemoved(name)
    await held.release()
    settle()
  }
  const shut = async (): Promise<void> => {
    if (deadline > performance.now()) await updates.finally(drainText(name, routes))
    while (deadline > performance.now()) {
      const begun = performance.now()
      if (await drained()) break
      const pauseMs = Math.max(drainEveryMs, drainShare * (performance.now() - begun))
      await new Promise<void>((resume) => {
        wake = resume
        setTimeout(resume, Math.max(0, Math.min(pauseMs, deadline - performance.now())))
      })
    }
    const cut = await reading.fresh()
    await updates.finally(shutText(name, routes))
    last = ledgerWith(true, cut)
    await updates.finally(deleteText([name]))
    await forget([...zones])
  }
  const close: Server['close'] = async (options = {}) => {
    checkNames('close', options, ['drainMs'])
    const drainMs = checkMs('close', 'drainMs', options.drainMs ?? 30_000, 'at once')
    deadline = Math.min(deadline, performance.now() + drainMs)
    wake()
    if (!closing) {
      closing = true
      clearInterval(watch)
      stop()
      void end()
    }
    return closed
  }
  return {
    addresses: routes.flatMap(({ plan }, pipeline) => plan.listen.flatMap((at) => Array.from({ length: portCount(at) }, (_, offset): ServerAddress => {
      const { net, host, port } = { ...at, port: at.port + offset }
      return { pipeline, net, address: host, port, family: familyOf(host) === 6 ? 'IPv6' : 'IPv4', text: formatHostPort(host, port) }
    }))),
    ledger: () => last ?? ledgerWith(false, reading.last()),
    load: () => undefined,
    sessions: async () => (last === undefined ? listTracked(routes, zones) : []),
    upstreams: () => Promise.resolve([]),
    setUpstreams() {
      throw misuse('ERR_MILLRACE_BAD_OPTION', 'setUpstreams', `a server with offload "nftables" has no sets of upstreams`)
    },
    endSession() {
      throw misuse('ERR_MILLRACE_BAD_OPTION', 'endSession', `the sessions of a server with offload "nftables" are the kernel's, which has no way to end one; conntrack(8) can forget it`)
    },
    explain,
    close,
    closed,
    [Symbol.asyncDispose]: () => close({ drainMs: 0 }),
  }
}

function isFlow(routes: readonly OffloadRoute[], { zone }: Tracked): boolean {
  return routes.some((route) => route.zone === zone && route.plan.kind === 'datagram')
}
