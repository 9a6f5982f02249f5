/**
 * `--stats 1s`: sessions, rates and totals, from two readings of the ledger. On a terminal one line that is rewritten,
 * elsewhere a line an interval.
 */
import prettyBytes from 'pretty-bytes'
import type { Ledger } from '../ledger.ts'
import type { Server } from '../server.ts'
import type { JsonLine, Output } from './output.ts'

/** Shows a line every `everyMs` until the returned function is called, which shows the last one. */
export function showStats(server: Server, output: Output, everyMs: number): () => void {
  let before = reading(server.ledger())
  const show = (): void => {
    const now = reading(server.ledger())
    // At the end the time may be next to nothing, and no rate comes of that.
    const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000)
    const rates = {
      sessionsPerSecond: (now.accepted - before.accepted) / seconds,
      toUpstreamPerSecond: (now.toUpstream - before.toUpstream) / seconds,
      toDownstreamPerSecond: (now.toDownstream - before.toDownstream) / seconds,
    }
    before = now
    output.showLive(describe(now, rates), toJson(now, rates))
  }
  const timer = setInterval(show, everyMs)
  return () => {
    clearInterval(timer)
    show()
    output.endLive()
  }
}

type Reading = {
  readonly atMs: number
  readonly accepted: number
  readonly open: number
  readonly pending: number
  readonly toUpstream: number
  readonly toDownstream: number
}

type Rates = { readonly sessionsPerSecond: number; readonly toUpstreamPerSecond: number; readonly toDownstreamPerSecond: number }

/** What reached its goal: a socket, or the sink itself where the sink is the goal. */
function reading(ledger: Ledger): Reading {
  const { sessions, toUpstream, toDownstream } = ledger
  return {
    atMs: performance.now(),
    accepted: sessions.accepted,
    open: sessions.open,
    pending: toUpstream.pending + toDownstream.pending,
    toUpstream: toUpstream.sent + toUpstream.consumed,
    toDownstream: toDownstream.sent + toDownstream.consumed,
  }
}

/** What matters least comes last: on a terminal the line is cut to its width. */
function describe(now: Reading, rates: Rates): string {
  return [
    `sessions ${now.open} open of ${now.accepted}`,
    `toUpstream ${bytes(rates.toUpstreamPerSecond)}/s, ${bytes(now.toUpstream)}`,
    `toDownstream ${bytes(rates.toDownstreamPerSecond)}/s, ${bytes(now.toDownstream)}`,
    `${rates.sessionsPerSecond.toFixed(0)} sessions/s`,
    ...(now.pending > 0 ? [`pending ${bytes(now.pending)}`] : []),
  ].join(' | ')
}

function bytes(value: number): string {
  return prettyBytes(Math.round(value), { maximumFractionDigits: 1 })
}

function toJson(now: Reading, rates: Rates): JsonLine {
  return {
    type: 'stats',
    at: Date.now(),
    sessions: { open: now.open, accepted: now.accepted, perSecond: Math.round(rates.sessionsPerSecond) },
    toUpstream: { bytes: now.toUpstream, bytesPerSecond: Math.round(rates.toUpstreamPerSecond) },
    toDownstream: { bytes: now.toDownstream, bytesPerSecond: Math.round(rates.toDownstreamPerSecond) },
    pendingBytes: now.pending,
  }
}
