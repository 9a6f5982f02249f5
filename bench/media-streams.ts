/**
 * Many media streams at once, through namespaces A (clients) – B (relay) – C (echo) with ports 7890 to 7900: at which rate fewer than 0.1 % are lost,
 * and what that costs, for this relay, its kernel offload and nginx. docs/media-streams.md explains the rows. Needs root; nginx is left out where
 * it is not installed.
 *
 *   npm run bench:media -- [--flows 15000,50000] [--secs 4] [--only relay,offload,nginx] [--size 800]
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addresses, threeNamespaces } from '../test/support/three-namespaces.ts'
import type { ThreeNamespaces } from '../test/support/three-namespaces.ts'
import { described, environment } from './environment.ts'
import { markdown } from './figures.ts'
import { millrace, numberAt, option, pause, residentBytes, start, valueAt } from './programs.ts'
import type { Line, Program } from './programs.ts'

const flowCounts = option('flows', '15000,50000').split(',').map(Number)
const [secs, size, only] = [Number(option('secs', '4')), option('size', '800'), option('only', 'relay,offload,nginx').split(',')]
/** Below the descriptors that one process may have, see `millrace doctor`. */
const flowsEach = 15_000
const ports = '7890-7900'
const nginx = ['/usr/sbin/nginx', '/usr/lib/nginx/modules/ngx_stream_module.so']
/** Halvings of the range of rates in which the answer lies. */
const [least, most, halvings] = [10_000, 160_000, 4]

type Relay = { readonly programs: readonly Program[]; readonly remove?: () => void }
type Kind = { readonly name: string; readonly start: (under: readonly string[], processes: number) => Promise<Relay> }

const [listen, upstream] = [`udp://${addresses.b}:${ports}`, `udp://${addresses.c}:${ports}`]
const kinds: Readonly<Record<string, Kind>> = {
  relay: { name: 'millrace forward', start: (under, processes) => millraces(under, processes, ['--reuse-port', '--receive-buffer', '32MiB']) },
  offload: { name: 'millrace forward --offload nftables', start: (under) => millraces(under, 1, ['--offload', 'nftables']) },
  nginx: { name: 'nginx stream', start: startNginx },
}

async function millraces(under: readonly string[], processes: number, options: readonly string[]): Promise<Relay> {
  const programs = Array.from({ length: processes }, () => millrace(['forward', listen, upstream, '--stats', '1s', ...options], under))
  await Promise.all(programs.map((program) => program.line('listening')))
  return { programs }
}

async function startNginx(under: readonly string[], processes: number): Promise<Relay> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-nginx-'))
  const servers = Array.from({ length: 11 }, (_, i) => `server { listen ${addresses.b}:${7890 + i} udp reuseport rcvbuf=32m; proxy_pass ${addresses.c}:${7890 + i}; proxy_timeout 60s; }`)
  const head = `load_module ${nginx[1] ?? ''};\nworker_processes ${processes};\ndaemon off;\npid ${folder}/pid;\nerror_log /dev/null;\nworker_rlimit_nofile ${flowsEach + 4_000};` // a descriptor a flow
  writeFileSync(join(folder, 'conf'), `${head}\nevents { worker_connections ${2 * flowsEach + 4_000}; multi_accept on; }\nstream {\n${servers.join('\n')}\n}\n`)
  const program = start([nginx[0] ?? '', '-c', join(folder, 'conf')], under)
  await pause(500)
  return { programs: [program], remove: () => rmSync(folder, { recursive: true }) }
}

type Sample = { readonly rate: number; readonly received: number; readonly lost: number; readonly relayCores: number; readonly machineCores: number; readonly bytes: number; readonly ledger: string }

async function measure(kind: Kind, net: ThreeNamespaces, flows: number, rate: number): Promise<Sample> {
  const processes = Math.ceil(flows / flowsEach)
  const relay = await kind.start(net.under.b, processes)
  const echo = millrace(['echo', upstream, '--receive-buffer', '64MiB', '--stats', '1h'], net.under.c)
  await echo.line('listening')
  const warmMs = Math.max(2_000, (2_000 * flows) / rate)
  const load = ['--flows', String(Math.round(flows / processes)), '--rate', `${Math.round(rate / processes)}pps`, '--size', size, '--duration', `${Math.ceil(warmMs / 1000) + secs + 3}s`]
  const clients = Array.from({ length: processes }, () => millrace(['blast', listen, ...load], net.under.a))
  try {
    await Promise.all(clients.map((client) => client.line('generating')))
    await pause(warmMs)
    const before = reading(clients, relay.programs)
    await pause(secs * 1000)
    const after = reading(clients, relay.programs)
    const seconds = (after.atMs - before.atMs) / 1000
    // Each client said it at a time of its own.
    const rates = after.clients.map((now, i) => ratesSince(now, before.clients[i] ?? now))
    const [sent, received] = [rates.reduce((sum, one) => sum + one.sent, 0), rates.reduce((sum, one) => sum + one.received, 0)]
    const bytes = relay.programs.reduce((sum, { process: { pid } }) => sum + residentBytes(pid ?? 0), 0)
    await Promise.all([...clients, echo].map((one) => one.stop()))
    await Promise.all(relay.programs.map((program) => program.stop()))
    return {
      rate, received, lost: Math.max(0, 1 - received / Math.max(1, sent)), bytes,
      relayCores: (after.relay - before.relay) / seconds, machineCores: (after.machine - before.machine) / seconds,
      ledger: ledgerText(relay.programs),
    }
  } finally {
    for (const { process } of [...clients, echo, ...relay.programs]) process.kill('SIGKILL')
    relay.remove?.()
  }
}

type Said = { readonly atMs: number; readonly sent: number; readonly received: number }

function ratesSince(now: Said, before: Said): { readonly sent: number; readonly received: number } {
  const seconds = Math.max(0.001, (now.atMs - before.atMs) / 1000)
  return { sent: (now.sent - before.sent) / seconds, received: (now.received - before.received) / seconds }
}

function reading(clients: readonly Program[], relays: readonly Program[]) {
  const said = clients.map(({ lines }) => lines.findLast(({ type }) => type === 'stats'))
  return { atMs: performance.now(), clients: said.map((line) => ({ atMs: numberAt(line, 'at'), sent: numberAt(line, 'load', 'sent'), received: numberAt(line, 'load', 'received') })), relay: relays.reduce((sum, relay) => sum + relay.cpuSeconds(), 0), machine: busySeconds() }
}

/** Seconds that all CPUs have been busy for, from /proc/stat: kernel offload has no process that could be charged. */
function busySeconds(): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = (readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? '').split(/\s+/).slice(1).map(Number)
  return (user + nice + system + irq + softirq) / 100
}

/** `3000000 received, dropped kernelOverflow 12`, of all relays together. */
function ledgerText(relays: readonly Program[]): string {
  const last = relays.map(({ lines }) => lines.findLast(({ type }) => type === 'stats')).filter((line): line is Line => line !== undefined)
  if (last.length === 0) return 'has none'
  const ways = ['toUpstream', 'toDownstream'].flatMap((way) => last.map((line) => ({ line, way })))
  const received = ways.reduce((sum, { line, way }) => sum + numberAt(line, 'datagrams', way, 'received'), 0)
  const dropped = new Map<string, number>()
  for (const { line, way } of ways) {
    for (const [reason, count] of Object.entries(valueAt(line, 'datagrams', way, 'dropped') ?? {})) dropped.set(reason, (dropped.get(reason) ?? 0) + numberAt(count, 'datagrams'))
  }
  return [`${received} received`, ...[...dropped].map(([reason, count]) => `${reason} ${count}`), last.every((line) => line['balanced'] === true) ? 'balanced' : 'NOT BALANCED'].join(', ')
}

/** Packets for which the queue between two devices had no room (net.core.netdev_max_backlog), of all CPUs: the second column of /proc/net/softnet_stat. */
function backlogDrops(): number {
  return readFileSync('/proc/net/softnet_stat', 'latin1').trim().split('\n').reduce((sum, line) => sum + parseInt(line.split(' ')[1] ?? '0', 16), 0)
}

/** The highest rate with less than 0.1 % lost, within 4 % of it. */
async function highest(kind: Kind, net: ThreeNamespaces, flows: number): Promise<Sample | undefined> {
  let [low, high] = [least, most]
  let best: Sample | undefined
  for (let i = 0; i <= halvings; i++) {
    const rate = Math.round(Math.sqrt(low * high))
    const before = backlogDrops()
    const sample = await measure(kind, net, flows, rate)
    console.error(`${flows} flows, ${kind.name}, ${rate} pps: ${(100 * sample.lost).toFixed(3)} % lost, ${sample.received.toFixed(0)} pps back, ${backlogDrops() - before} lost between devices, ${sample.ledger}`)
    // A client that cannot send so much has found an end too.
    if (sample.lost < 0.001 && sample.received > 0.97 * rate) {
      if (best === undefined || rate > best.rate) best = sample
      low = rate
    } else {
      high = rate
    }
  }
  return best
}

console.log(described(environment()))
const wanted = only.filter((name) => name !== 'nginx' || nginx.every((file) => existsSync(file)))
if (wanted.length < only.length) console.log('nginx or its stream module is not installed: left out')
const rows: string[][] = []
for (const flows of flowCounts) {
  for (const name of wanted) {
    const kind = kinds[name]
    if (kind === undefined) throw new Error(`--only: expected relay, offload or nginx, not ${name}`)
    await using net = await threeNamespaces()
    if (net === undefined) process.exit(1)
    for (const where of ['a', 'b', 'c'] as const) await net.exec(where, 'sysctl', '-qw', 'net.ipv4.ip_local_port_range=1024 65535', 'net.ipv4.ip_local_reserved_ports=7890-7900', 'net.ipv4.ip_forward=1')
    const best = await highest(kind, net, flows)
    const heads = [String(flows), kind.name]
    if (best === undefined) rows.push([...heads, `none of ${least} pps or more`, '', '', '', '', ''])
    else {
      const mpps = Math.min(best.rate, best.received) / 1e6 // a client that was late sends more for a while
      rows.push([...heads, mpps.toFixed(3), ((1e6 * mpps) / flows).toFixed(1), best.relayCores.toFixed(2), (best.machineCores / mpps).toFixed(1), `${(best.bytes / 2 ** 20).toFixed(0)} MiB`, `${(100 * best.lost).toFixed(3)} %; ${best.ledger}`])
    }
  }
}
console.log(`\n${markdown(['flows', 'through', 'round trips, Mpps', 'pps a flow', 'cores of its process', 'cores of the machine a Mpps', 'memory', 'lost; its ledger'], rows)}`)
