/** `millrace offload show` and `millrace offload clear`: the tables that `--offload nftables` has made on this machine, and their end. */
import { Command } from 'commander'
import { RelayError } from '../errors.ts'
import { ledgerOf } from '../ledger.ts'
import type { Account } from '../ledger.ts'
import { rowOf } from '../offload/counters.ts'
import { findTables, removeTables } from '../offload/tables.ts'
import type { Table, TableRoute } from '../offload/tables.ts'
import { bytesText, counted } from './quantities.ts'
import { failure } from './usage.ts'

const about =
  'With --offload nftables a relay is rules of the kernel, in a table of nftables of its own; no packet comes to millrace. It needs nft, CAP_NET_ADMIN and ' +
  'net.ipv4.ip_forward (for IPv6 net.ipv6.conf.all.forwarding). The table goes when the relay ends. One that was killed leaves its table at work: ' +
  'the next start at the same ports replaces it, and `offload clear` removes it. A process of another pid namespace looks as if it had ended.'

export function offloadCommand(): Command {
  const command = new Command('offload')
    .summary('show or remove the rules that --offload nftables has made')
    .description(about)
    .addHelpText('after', '\nExamples:\n  $ millrace forward tcp://0.0.0.0:8080 tcp://10.0.0.5:80 --offload nftables --stats 1s\n  $ millrace offload show\n  $ millrace offload clear')
  return command.addCommand(showCommand()).addCommand(clearCommand())
}

function showCommand(): Command {
  return new Command('show')
    .summary('list the tables with their owner, listeners, upstreams and counters')
    .description('Lists the tables of millrace in this network namespace: whose they are, whether that process still runs, and what they have relayed.')
    .option('--json', 'print one JSON object a table')
    .addHelpText('after', '\nExamples:\n  $ millrace offload show\n  $ millrace offload show --json | jq .')
    .action(async ({ json }: { readonly json?: true }) => {
      const tables = await told(findTables())
      const lines = json === true ? tables.map((table) => JSON.stringify(tableJson(table))) : tables.length === 0 ? ['no tables of millrace here'] : tables.flatMap(tableLines)
      process.stdout.write(lines.map((line) => `${line}\n`).join(''))
    })
}

function clearCommand(): Command {
  return new Command('clear')
    .summary('remove the tables whose process has ended')
    .description('Removes the tables of millrace whose process has ended, in one transaction. Their sessions end with them.')
    .option('--all', 'also those of processes that run, which then relay nothing any more')
    .option('--json', 'print one JSON object a table')
    .addHelpText('after', '\nExamples:\n  $ millrace offload clear\n  $ millrace offload clear --all')
    .action(async ({ all, json }: { readonly all?: true; readonly json?: true }) => {
      const tables = await told(findTables())
      const removed = tables.filter(({ alive }) => all === true || !alive)
      await told(removeTables(removed))
      const left = tables.length - removed.length
      const lines = json === true ? removed.map((table) => JSON.stringify({ type: 'removed', ...tableFields(table) })) : clearedLines(removed, left)
      process.stdout.write(lines.map((line) => `${line}\n`).join(''))
    })
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
