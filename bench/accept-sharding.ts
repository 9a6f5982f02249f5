/**
 * Connection churn on 1 to n shards: how many connections a second, what they cost, and which shard accepted them. docs/accept-sharding.md
 * explains the rows.
 *
 *   npm run bench:accept -- [--secs 3] [--rounds 3]
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { allowedCpus } from '../lib/shards.ts'
import { described, environment } from './environment.ts'
import { markdown, median } from './figures.ts'
import { millrace, numberAt, option, pause, start } from './programs.ts'

const [secs, rounds] = [Number(option('secs', '3')), Number(option('rounds', '3'))]
/** As many clients as accept_load can have. */
const cpus = allowedCpus().slice(0, 64)
const most = cpus.length

const rows = Array.from({ length: most }, (_, i) => i + 1).flatMap((shards) => {
  const args = ['--shards', String(shards)]
  const row = (name: string, ...more: readonly string[]) => ({ name: `${shards} ${shards === 1 ? 'shard' : 'shards'}${name}`, args: [...args, ...more] })
  return shards === 1 ? [row(''), row(', pinned', '--pin')] : [row(''), row(', pinned', '--pin'), row(', pinned, steered by CPU', '--pin', '--steer', 'cpu')]
})

type Sample = { readonly perSecond: number; readonly failed: number; readonly cores: number; readonly shares: readonly number[] }

async function measure(load: string, args: readonly string[]): Promise<Sample> {
  const relay = millrace(['echo', 'tcp://127.0.0.1:0', '--stats', '1h', ...args])
  const { port } = await relay.line('listening')
  await pause(300)
  const before = relay.cpuSeconds()
  const client = start([load, String(port), String(secs), cpus.join(',')])
  const summary = await client.line('summary')
  const cores = (relay.cpuSeconds() - before) / secs
  await relay.stop()
  const shards = relay.lines.at(-1)?.['shards']
  const shares = Array.isArray(shards) ? shards.map((shard: unknown) => numberAt(shard, 'sessions', 'accepted')) : [numberAt(relay.lines.at(-1), 'sessions', 'accepted')]
  return { perSecond: numberAt(summary, 'done') / secs, failed: numberAt(summary, 'failed'), cores, shares }
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-accept-'))
const load = join(folder, 'accept_load')
execFileSync(process.env['CC'] ?? 'cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', load, fileURLToPath(new URL('accept_load.c', import.meta.url))])
const samples = rows.map(() => new Array<Sample>())
try {
  console.log(described(environment()))
  for (let round = 0; round < rounds; round++) {
    for (const [i, { name, args }] of rows.entries()) {
      const sample = await measure(load, args)
      samples[i]?.push(sample)
      console.error(`${round + 1}/${rounds} ${name}: ${sample.perSecond.toFixed(0)}/s, accepted ${sample.shares.join(' + ')}, failed ${sample.failed}`)
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
const figures = rows.map(({ name }, i) => {
  const all = samples[i] ?? []
  const of = (value: (sample: Sample) => number): number => median(all.map(value))
  const shares = (all[0]?.shares ?? []).map((_, shard) => of((one) => (100 * (one.shares[shard] ?? 0)) / one.shares.reduce((sum, share) => sum + share, 0)).toFixed(1))
  const perSecond = of((one) => one.perSecond)
  return [name, perSecond.toFixed(0), of((one) => one.cores).toFixed(2), (perSecond / of((one) => one.cores)).toFixed(0), shares.join(' / '), String(Math.max(...all.map((one) => one.failed)))]
})
console.log(`\n${markdown(['', 'connections/s', 'cores of the relay', 'connections a core-second', 'accepted, % by shard', 'failed'], figures)}`)
