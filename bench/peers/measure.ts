/** One measurement: a fresh server, a fresh subject and a load; nothing of it is left afterwards. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unusedPort } from '../../test/support/unused-ports.ts'
import { numberAt, pause, residentBytes, start } from '../programs.ts'
import type { Line, Program } from '../programs.ts'
import type { Round } from '../results.ts'
import { lifeSeconds, startSubject } from './subjects.ts'
import type { SubjectName, Workload } from './workloads.ts'

export type Lab = { readonly folder: string; readonly load: string; readonly secs: number }

/** Compiles the load into a folder. */
export function compileLoad(folder: string): string {
  const sources = fileURLToPath(new URL('load', import.meta.url))
  const load = join(folder, 'load')
  const files = readdirSync(sources).filter((name) => name.endsWith('.c')).map((name) => join(sources, name))
  execFileSync(process.env['CC'] ?? 'cc', ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-o', load, ...files])
  return load
}

export async function measure(workload: Workload, name: SubjectName, lab: Lab): Promise<Round> {
  const running: Program[] = []
  const run = (program: Program): Program => {
    running.push(program)
    return program
  }
  try {
    const upstream = workload.upstream === undefined ? 0 : await unusedPort()
    if (workload.upstream !== undefined) await serves(run(start([lab.load, workload.upstream, String(upstream), String(lifeSeconds)])), workload.role, upstream)
    const port = await unusedPort()
    const trains = workload.load.mode === 'trains'
    const subject = run(startSubject(name, { role: workload.role, port, upstream, folder: lab.folder, load: lab.load, trains }))
    await serves(subject, workload.role, port)
    const load = (mode: string, ...args: readonly number[]): Program => run(start([lab.load, mode, ...[Math.min(0.5, lab.secs), lab.secs, port, ...args].map(String)]))
    return workload.load.mode === 'hold' ? await memory(subject, load, workload) : await throughput(subject, load, workload)
  } finally {
    await Promise.all(running.map((program) => program.kill()))
  }
}

type Load = (mode: string, ...args: readonly number[]) => Program

async function throughput(subject: Program, load: Load, workload: Workload): Promise<Round> {
  const client = load(workload.load.mode, ...workload.load.args)
  await client.line('started')
  const before = subject.cpuSeconds()
  const summary = await client.line('summary')
  const cpuSeconds = subject.cpuSeconds() - before
  const done = numberAt(summary, 'done')
  if (done === 0) throw new Error('it has relayed nothing')
  const [lost, failed] = [numberAt(summary, 'lost'), numberAt(summary, 'failed')]
  return {
    value: tidy((workload.scale * done) / numberAt(summary, 'seconds')),
    cost: tidy((workload.costScale * cpuSeconds) / done),
    ...('p50Us' in summary ? { p50Us: numberAt(summary, 'p50Us'), p99Us: numberAt(summary, 'p99Us') } : {}),
    ...('lost' in summary ? { lostPercent: tidy((100 * lost) / (lost + done)) } : {}),
    ...(failed === 0 ? {} : { failed }),
  }
}

/** What a connection takes is what the process grows by: it is warm before, so that its code and pools do not count. */
async function memory(subject: Program, load: Load, { load: { mode, args } }: Workload): Promise<Round> {
  const pid = subject.process.pid ?? 0
  const warming = load('requests', 16, 64)
  await warming.line('summary')
  await warming.kill()
  await pause(300) // what it closes is closed
  const before = residentBytes(pid)
  const summary: Line = await load(mode, ...args).line('summary')
  await pause(300) // what it does after the last answer is done
  const [held, failed] = [numberAt(summary, 'done'), numberAt(summary, 'failed')]
  if (held === 0) throw new Error('it has taken no connection')
  return { value: tidy((residentBytes(pid) - before) / held), ...(failed === 0 ? {} : { failed }) }
}

/** Six digits are more than a measurement has. */
const tidy = (value: number): number => Number(value.toPrecision(6))

/** Waits until the port is open, as /proc/net tells it: asking the relay itself would already be a connection or a flow. */
export async function serves(program: Program, role: Workload['role'], port: number): Promise<void> {
  const [table, state] = role === 'tcp' ? ['/proc/net/tcp', '0A'] : ['/proc/net/udp', '07']
  const open = new RegExp(`^ *\\d+: [0-9A-F]{8}:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} `, 'm')
  for (const until = performance.now() + 15_000; performance.now() < until; ) {
    if (open.test(readFileSync(table, 'latin1'))) return
    if (program.process.exitCode !== null || program.process.signalCode !== null) await program.line('listening') // says why it ended
    await pause(20)
  }
  throw new Error('it does not listen after 15 s')
}
