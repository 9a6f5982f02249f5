/**
 * The tables of millrace on this machine, as nft lists them. Whose a table is stands in a comment: the process and when that started,
 * because the number of a process comes again. What it does is read from its own rules.
 */
import { readFileSync } from 'node:fs'
import type { Kind } from '../part.ts'
import type { Count, Counts } from './counters.ts'
import { forget, list, load } from './nft.ts'
import { deleteText } from './rules.ts'
import type { Owner } from './rules.ts'

/** A pipeline of a table. */
export type TableRoute = { readonly kind: Kind; readonly zone: number; readonly listen: readonly string[]; readonly upstreams: readonly string[] }

export type Table = {
  readonly name: string
  /** Undefined where no comment says. */
  readonly owner: Owner | undefined
  /** Whether the process that has made it is still there. */
  readonly alive: boolean
  readonly routes: readonly TableRoute[]
  readonly counts: Counts
}

/** A field of what nft has printed. */
export function field(object: unknown, name: string): unknown {
  return typeof object === 'object' && object !== null ? Reflect.get(object, name) : undefined
}

function text(object: unknown, name: string): string {
  const value = field(object, name)
  return typeof value === 'string' ? value : ''
}

function objects(printed: unknown, kind: string): readonly unknown[] {
  const all: unknown = field(printed, 'nftables')
  return Array.isArray(all) ? all.flatMap((one: unknown) => field(one, kind) ?? []) : []
}

/** Ours, of what `nft -j list tables` has printed. */
export function tableNames(printed: unknown): readonly string[] {
  return objects(printed, 'table').map((one) => text(one, 'name')).filter((name) => /^millrace_\w+$/.test(name))
}

/** All of them; throws ERR_MILLRACE_NO_OFFLOAD. */
export async function findTables(): Promise<readonly Table[]> {
  const names = tableNames(await list('tables', 'inet'))
  const found = await Promise.all(names.map(async (name) => tableFrom(name, await list('table', 'inet', name))))
  return found.flatMap((table) => table ?? [])
}

/** Undefined where it has gone meanwhile. */
export function tableFrom(name: string, printed: unknown): Table | undefined {
  if (printed === undefined) return undefined
  const comments = objects(printed, 'rule').map((rule) => text(rule, 'comment'))
  const [owner] = comments.flatMap((comment) => ownerIn(comment) ?? [])
  const said = (word: string, i: number): readonly string[] => [...new Set(comments.filter((comment) => comment.startsWith(`${word} ${i} `)).map((comment) => comment.slice(`${word} ${i} `.length)))]
  const routes: TableRoute[] = []
  for (let i = 0; said('zone', i).length > 0; i++) {
    const listen = said('listen', i)
    routes.push({ kind: listen.some((at) => at.startsWith('udp')) ? 'datagram' : 'stream', zone: Number(said('zone', i)[0]), listen, upstreams: said('to', i) })
  }
  return { name, owner, alive: owner !== undefined && isAlive(owner), routes, counts: countsIn(printed) }
}

function ownerIn(comment: string): Owner | undefined {
  const [, pid, startTicks] = /^millrace pid (\d+) start (\d+)$/.exec(comment) ?? []
  return pid === undefined || startTicks === undefined ? undefined : { pid: Number(pid), startTicks }
}

/** The named counters of what `nft -j list` has printed. */
export function countsIn(printed: unknown): Counts {
  return new Map(objects(printed, 'counter').map((one): readonly [string, Count] => [text(one, 'name'), { packets: Number(field(one, 'packets')), bytes: Number(field(one, 'bytes')) }]))
}

/** When a process started, in clock ticks since boot: field 22 in proc(5). The name in field 2 may have anything in it. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

export function thisProcess(): Owner {
  return { pid: process.pid, startTicks: startTicksOf(process.pid) ?? '0' }
}

function isAlive({ pid, startTicks }: Owner): boolean {
  return startTicksOf(pid) === startTicks
}

/** Removes them in one transaction, and their sessions. */
export async function removeTables(tables: readonly Table[]): Promise<void> {
  if (tables.length === 0) return
  await load(deleteText(tables.map(({ name }) => name)))
  await forget(tables.flatMap(({ routes }) => routes.map(({ zone }) => zone)))
}
