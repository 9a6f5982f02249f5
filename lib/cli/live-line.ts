/**
 * `--stats 1s`: sessions and flows, rates and totals, what was dropped and whether the ledger balances, from two readings of it. On a
 * terminal one line that is rewritten, elsewhere a line an interval.
 */
import type { Account, Datagrams } from '../ledger.ts'
import type { Kind } from '../part.ts'
import type { JsonLine, Output } from './output.ts'
import { balanceText, bytesText, datagramsText, droppedText, icmpText } from './quantities.ts'
import type { Moved, Rates, Reading } from './reading.ts'
import type { ShardRates, ShardReading } from './reading.ts'
import { droppedOf, ratesBetween, read } from './reading.ts'
import type { Running } from './running.ts'

/** Shows something every `everyMs` until the returned function is called, which shows the last one. */
export type ShowStats = (server: Running, output: Output, everyMs: number) => () => void

/** The live line of a relay. */
export function liveLine(pipelines: readonly { readonly kind: Kind }[]): ShowStats {
  const show: ShowOne = (output, now, rates) => output.showLive(withShards(describe(now, rates), now, rates, shardLine), statsJson(now, rates))
  return every(pipelines, { second: show, end: show })
}

type ShowOne = (output: Output, now: Reading, rates: Rates, server: Running) => void

/** Calls `second` with every reading of the ledger and the rates since the one before, and `end` with the last one. */
export function every(pipelines: readonly { readonly kind: Kind }[], { second, end }: { readonly second: ShowOne; readonly end: ShowOne }): ShowStats {
  return (server, output, everyMs) => {
    let before = read(server, pipelines)
    let stopped = false
    const tell = (showOne: ShowOne): void => {
      const now = read(server, pipelines)
      const rates = ratesBetween(before, now)
      before = now
      showOne(output, now, rates, server)
    }
    const timer = setInterval(() => {
      if (server.refresh === undefined) tell(second)
      else void server.refresh().then(() => (stopped ? undefined : tell(second)))
    }, everyMs)
    return () => {
      stopped = true
      clearInterval(timer)
      tell(end)
      output.endLive()
    }
  }
}

/** The line of the whole, and below it one for each shard where there are several. */
export function withShards(whole: string, { shards, shardName, flows }: Reading, rates: Rates, lineOf: (shard: ShardReading, rates: ShardRates, hasFlows: boolean) => string): string {
  const lines = shards.flatMap((shard, place) => {
    const rate = rates.shards[place]
    return rate === undefined ? [] : `  ${shardName} ${place}: ${lineOf(shard, rate, flows !== undefined)}`
  })
  return [whole, ...lines].join('\n')
}

function shardLine({ sessions, dropped, pendingBytes, ...ways }: ShardReading, rates: ShardRates, hasFlows: boolean): string {
  return [
    `${sessions.open} open of ${sessions.accepted}`,
    `toUpstream ${wayText(ways.toUpstream, rates.toUpstream, hasFlows)}`,
    `toDownstream ${wayText(ways.toDownstream, rates.toDownstream, hasFlows)}`,
    ...droppedText(dropped),
    ...(pendingBytes > 0 ? [`pending ${bytesText(pendingBytes)}`] : []),
  ].join(' | ')
}

/** What matters least comes last: on a terminal the line is cut to its width. */
function describe(now: Reading, rates: Rates): string {
  const { streams, flows } = now
  return [
    ...(now.balanced ? [] : [balanceText(false)]),
    ...(streams === undefined ? [] : [`sessions ${streams.open} open of ${streams.accepted}`]),
    ...(flows === undefined ? [] : [`flows ${flows.open} open of ${flows.accepted}`]),
    `toUpstream ${wayText(now.toUpstream, rates.toUpstream, flows !== undefined)}`,
    `toDownstream ${wayText(now.toDownstream, rates.toDownstream, flows !== undefined)}`,
    ...droppedText(now.dropped),
    ...icmpText(now.account),
    ...(streams === undefined ? [] : [`${(rates.sessions - rates.flows).toFixed(0)} sessions/s`]),
    ...(now.pendingBytes > 0 ? [`pending ${bytesText(now.pendingBytes)}`] : []),
    ...(flows !== undefined && now.balanced ? [balanceText(true)] : []),
  ].join(' | ')
}

function wayText({ bytes }: Moved, rate: Moved, hasFlows: boolean): string {
  return `${hasFlows ? `${datagramsText(rate.datagrams)}, ` : ''}${bytesText(rate.bytes)}/s, ${bytesText(bytes)}`
}

/** Flows count as sessions too, here as in the ledger. */
export function statsJson(now: Reading, rates: Rates): JsonLine {
  const { account, flows, toUpstream, toDownstream } = now
  const { open, accepted } = account.sessions
  return {
    type: 'stats',
    at: Date.now(),
    sessions: { open, accepted, perSecond: Math.round(rates.sessions) },
    toUpstream: bytesJson(toUpstream, rates.toUpstream),
    toDownstream: bytesJson(toDownstream, rates.toDownstream),
    pendingBytes: now.pendingBytes,
    balanced: now.balanced,
    ...(flows === undefined ? {} : { flows: { ...flows, perSecond: Math.round(rates.flows) }, datagrams: datagramsJson(account, rates) }),
    ...(now.shards.length === 0 ? {} : { [`${now.shardName}s`]: now.shards.map((shard, place) => shardJson(shard, rates.shards[place])) }),
  }
}

/** Datagrams are 0 where there are only streams. */
function shardJson({ sessions: { open, accepted }, pendingBytes, dropped, ...ways }: ShardReading, rates: ShardRates | undefined): JsonLine[string] {
  const wayOf = ({ bytes, datagrams }: Moved, rate: Moved | undefined) => ({
    bytes, bytesPerSecond: Math.round(rate?.bytes ?? 0), datagrams, datagramsPerSecond: Math.round(rate?.datagrams ?? 0),
  })
  return {
    sessions: { open, accepted, perSecond: Math.round(rates?.sessions ?? 0) },
    toUpstream: wayOf(ways.toUpstream, rates?.toUpstream),
    toDownstream: wayOf(ways.toDownstream, rates?.toDownstream),
    pendingBytes,
    dropped,
  }
}

function bytesJson({ bytes }: Moved, rate: Moved) {
  return { bytes, bytesPerSecond: Math.round(rate.bytes) }
}

function datagramsJson({ datagrams }: Account, rates: Rates) {
  const { toUpstream, toDownstream, ...counts } = datagrams
  return { toUpstream: wayJson(toUpstream, rates.toUpstream), toDownstream: wayJson(toDownstream, rates.toDownstream), ...counts }
}

function wayJson(way: Datagrams, rate: Moved) {
  return { ...way, dropped: droppedOf(way), perSecond: Math.round(rate.datagrams) }
}
