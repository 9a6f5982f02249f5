/** What `millrace offload show` and `clear` do, apart from their options: those are read by every command, this is loaded by one. */
import { RelayError } from '../errors.ts'
import { ledgerOf } from '../ledger.ts'
import type { Account } from '../ledger.ts'
import { rowOf } from '../offload/counters.ts'
import { findTables, removeTables } from '../offload/tables.ts'
import type { Table, TableRoute } from '../offload/tables.ts'
import { bytesText, counted } from './quantities.ts'
import { failure } from './usage.ts'

export type ShowTables = { readonly json?: true }
export type ClearTables = ShowTables & { readonly all?: true }

export async function showTables({ json }: ShowTables): Promise<void> {
  const tables = await told(findTables())
  const lines = json === true ? tables.map((table) => JSON.stringify(tableJson(table))) : tables.length === 0 ? ['no tables of millrace here'] : tables.flatMap(tableLines)
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

export async function clearTables({ all, json }: ClearTables): Promise<void> {
  const tables = await told(findTables())
  const removed = tables.filter(({ alive }) => all === true || !alive)
  await told(removeTables(removed))
  const left = tables.length - removed.length
  const lines = json === true ? removed.map((table) => JSON.stringify({ type: 'removed', ...tableFields(table) })) : clearedLines(removed, left)
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
}

/** The command is called what the message begins with. */
async function told<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof RelayError ? failure(error.message.replace(/^offload: /, '')) : error
  })
}

function clearedLines(removed: readonly Table[], left: number): readonly string[] {
  const kept = left === 0 ? [] : [`${counted(left, 'table')} of running processes left: --all removes ${left === 1 ? 'it' : 'them'} too`]
  return [...(removed.length === 0 ? ['nothing to remove'] : removed.map((table) => `removed ${table.name} (${ownerText(table)})`)), ...kept]
}

function ownerText({ owner, alive }: Table): string {
  return owner === undefined ? 'stale: its owner is not known' : `pid ${owner.pid}, ${alive ? 'alive' : 'stale'}`
}

function accountOf(table: Table, route: TableRoute, i: number): Account {
  return ledgerOf([[rowOf(table.counts, i, route.kind, { open: undefined, over: false })]])
}

function tableLines(table: Table): readonly string[] {
  return [
    `${table.name} (${ownerText(table)})`,
    ...table.routes.flatMap((route, i) => {
      const { toUpstream, toDownstream, sessions, reasons, datagrams } = accountOf(table, route, i)
      const way = (name: 'toUpstream' | 'toDownstream', bytes: number): string => `${name} ${route.kind === 'datagram' ? `${datagrams[name].sent} datagrams, ` : ''}${bytesText(bytes)}`
      const { policy } = datagrams.toUpstream.dropped
      const refused = route.kind === 'stream' ? reasons.denied : policy.datagrams
      return [
        `  ${route.listen.join(', ')} -> ${route.upstreams.join(', ')}`,
        `    ${[counted(sessions.accepted - reasons.denied, 'session'), way('toUpstream', toUpstream.sent), way('toDownstream', toDownstream.sent), ...(refused > 0 ? [`${refused} refused by allow or deny`] : [])].join(' | ')}`,
      ]
    }),
  ]
}

function tableFields({ name, owner, alive }: Table) {
  return { table: name, pid: owner?.pid ?? null, alive }
}

function tableJson(table: Table) {
  const pipelines = table.routes.map((route, i) => {
    const { toUpstream, toDownstream, sessions, reasons, datagrams } = accountOf(table, route, i)
    const way = (name: 'toUpstream' | 'toDownstream', bytes: number) => ({ bytes, ...(route.kind === 'datagram' ? { datagrams: datagrams[name].sent } : {}) })
    return {
      listen: route.listen,
      upstream: route.upstreams,
      sessions: sessions.accepted - reasons.denied,
      refused: route.kind === 'stream' ? reasons.denied : datagrams.toUpstream.dropped.policy.datagrams,
      toUpstream: way('toUpstream', toUpstream.sent),
      toDownstream: way('toDownstream', toDownstream.sent),
    }
  })
  return { type: 'table', ...tableFields(table), pipelines }
}
