/**
 * A relay under everything at once for a long time: connections that come and go, are reset, half closed or read by nobody for a while, bulk both ways, small
 * messages, flows of datagrams; each byte is checked. In the end it has to hold what it held before and no more, and its books have to balance. Then the
 * latency of small messages without and beside bulk. Ends with 1 where something is wrong.
 *
 *   npm run soak -- [--minutes 10] [--seed N] [--every 5] [--no-latency] [--rounds 5] [--secs 3] [--json FILE]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { observe, observeQuiet } from '../test/support/proc.ts'
import { runBench } from './command-line.ts'
import { described, environment } from './environment.ts'
import { compileLoad } from './peers/measure.ts'
import { writeResult } from './results.ts'
import type { Round, WorkloadResult } from './results.ts'
import { growth, growthFaults, judgedLatency, latencyFaults, wakeUpFaults } from './soak/judge.ts'
import { measureLatency } from './soak/latency.ts'
import type { Rounds } from './soak/latency.ts'
import { latencyIsJudged, parseOptions } from './soak/options.ts'
import { openLab } from './soak/relay.ts'
import { latencyReport, runReport, sampleLine } from './soak/report.ts'
import { run } from './soak/run.ts'

const idleMs = 2_000

await runBench(async () => {
  const options = parseOptions(process.argv.slice(2))
  const machine = environment()
  console.log(`${described(machine)}\nseed: ${options.seed}`)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-soak-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const load = compileLoad(folder)
  const lab = await openLab(load, Math.ceil(options.minutes * 60 + options.rounds * 6 * (options.secs + 5) + 300))

  const soaked = await run(lab, load, options, (sample, clients) => console.error(sampleLine(sample, clients)))
  const idle = await observeQuiet(() => observe(lab.relay.pid, idleMs, lab.relay.loopThread), (load) => wakeUpFaults(load).length === 0)
  console.log(`\n${runReport(soaked, idle)}`)
  const cores = availableParallelism()
  const unmeasured: string[] = []
  const latency = options.latency ? await measureLatency(lab, load, options, cores).catch((error: unknown) => void unmeasured.push(`latency: ${String(error)}`)) : undefined
  if (latency !== undefined) console.log(`\n${latencyReport(latency, cores, latencyIsJudged(options))}`)
  const judged = latency !== undefined && latencyIsJudged(options) ? judgedLatency(latency, cores) : undefined

  const faults = [
    ...soaked.faults, ...growthFaults(growth(soaked.samples, soaked.after)), ...wakeUpFaults(idle),
    ...unmeasured, ...(judged === undefined ? [] : latencyFaults(judged)),
  ]
  if (options.json !== undefined) {
    const { minutes, seed, every, rounds, secs } = options
    writeResult(options.json, {
      kind: 'soak', environment: machine, versions: {}, leftOut: {}, options: { minutes, seed, every, rounds, secs }, faults, samples: [soaked.before, ...soaked.samples, soaked.after],
      workloads: [
        workload('soak.messages', '64 B messages beside everything', soaked.messages),
        ...workloads('latency', '', latency?.shared),
        ...workloads('latency-ahead', ', ahead of bulk', latency?.ahead),
      ],
    })
  }
  console.log(faults.length === 0 ? '\nnothing is wrong' : `\nwrong:\n${faults.map((fault) => `- ${fault}`).join('\n')}`)
  if (faults.length > 0) process.exitCode = 1
})
process.exit() // which ends the relay and its servers

function workload(name: string, title: string, rounds: readonly Round[]): WorkloadResult {
  return { name, title, unit: 'µs (p99)', better: 'less', subjects: { ours: { rounds } } }
}

function workloads(name: string, where: string, rounds: Rounds | undefined): readonly WorkloadResult[] {
  return rounds === undefined ? [] : [
    workload(`${name}.alone`, `64 B messages${where}`, rounds.alone),
    workload(`${name}.bulk`, `64 B messages beside two elephants${where}`, rounds.beside),
    workload(`${name}.direct`, `64 B messages to the echo itself, beside the same${where}`, rounds.direct),
  ]
}
