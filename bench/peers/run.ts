/**
 * Whole relays beside others on one loopback, in alternating rounds: what they carry, what a unit of it costs in CPU, what a connection takes
 * in memory. Whoever is not installed is left out (install.sh installs them all).
 *
 *   npm run bench:peers -- [--secs 3] [--rounds 3] [--only tcp.bulk16,udp] [--peers haproxy,nginx] [--json [FILE]]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runBench } from '../command-line.ts'
import { described, environment } from '../environment.ts'
import { figure } from '../figures.ts'
import { writeResult } from '../results.ts'
import type { Round, WorkloadResult } from '../results.ts'
import { compileLoad, measure } from './measure.ts'
import type { Lab } from './measure.ts'
import { parseOptions } from './options.ts'
import { report } from './report.ts'
import { found } from './subjects.ts'
import type { SubjectName, Workload } from './workloads.ts'

await runBench(async () => {
  const options = parseOptions(process.argv.slice(2))
  const machine = environment()
  const [versions, leftOut] = [new Map<string, string>(), new Map<string, string>()]
  const measured = options.subjects.filter((name) => {
    if (!options.workloads.some(({ subjects }) => subjects.includes(name))) return false
    const one = found(name)
    if ('why' in one) leftOut.set(name, one.why)
    else if (one.version !== '') versions.set(name, one.version)
    return 'version' in one
  })
  console.log(described(machine))
  if (versions.size > 0) console.log(`beside: ${[...versions].map(([name, version]) => `${name} ${version}`).join(', ')}`)
  for (const [name, why] of leftOut) console.log(`left out: ${name}, ${why}`)

  const folder = mkdtempSync(join(tmpdir(), 'millrace-peers-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const lab: Lab = { folder, load: compileLoad(folder), secs: options.secs }
  const results: WorkloadResult[] = []
  for (const workload of options.workloads) {
    const result = await rounds(workload, measured, options.rounds, lab, (name, why) => {
      leftOut.set(`${workload.name} ${name}`, why)
      console.error(`left out of ${workload.name}: ${name}, ${why}`)
    })
    results.push(result)
    console.log(`\n${report(result)}`)
  }
  if (options.json === undefined) return
  const { secs, rounds: count } = options
  writeResult(options.json, {
    kind: 'peers', environment: machine, versions: Object.fromEntries(versions), leftOut: Object.fromEntries(leftOut), options: { secs, rounds: count }, workloads: results,
  })
})

/** A subject that fails once is left out of the workload, and said so; that ours fails ends the bench. */
async function rounds(workload: Workload, measured: readonly SubjectName[], count: number, lab: Lab, leaveOut: (name: SubjectName, why: string) => void): Promise<WorkloadResult> {
  const all = new Map<SubjectName, Round[]>()
  for (const name of workload.subjects) {
    if (!measured.includes(name)) continue
    const why = workload.without?.[name]
    if (why === undefined) all.set(name, [])
    else leaveOut(name, why)
  }
  for (let round = 1; round <= count; round++) {
    for (const [name, taken] of all) {
      try {
        const one = await measure(workload, name, lab)
        taken.push(one)
        console.error(`${round}/${count} ${workload.name} ${name}: ${figure(one.value)} ${workload.unit}`)
      } catch (error) {
        if (name === 'ours' || !(error instanceof Error)) throw error
        all.delete(name)
        leaveOut(name, `failed: ${error.message.split('\n')[0] ?? ''}`)
      }
    }
  }
  const { name, title, unit, better, costUnit } = workload
  return { name, title, unit, better, ...(costUnit === undefined ? {} : { costUnit }), subjects: Object.fromEntries([...all].map(([subject, taken]) => [subject, { rounds: taken }])) }
}
