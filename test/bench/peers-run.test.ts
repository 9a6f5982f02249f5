/** bench:peers as a whole, as short as it can be: it measures, writes what it has measured, and leaves nothing behind. */
import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { readResult } from '../../bench/results.ts'
import { child } from '../support/child.ts'
import type { Child } from '../support/child.ts'
import { temporaryFolder } from '../support/programs.ts'
import { until } from '../support/until.ts'

const bench = (folder: string, ...args: readonly string[]): Child =>
  child(process.execPath, ['--import', 'tsx', 'bench/peers/run.ts', ...args], { env: { ...process.env, TMPDIR: folder } })

/** Processes that work in a folder or run a program of it. */
function processesIn(folder: string): readonly string[] {
  const linkOf = (pid: string, name: string): string => {
    try {
      return readlinkSync(`/proc/${pid}/${name}`)
    } catch {
      return '' // it has just ended
    }
  }
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && ['cwd', 'exe'].some((name) => linkOf(pid, name).startsWith(folder)))
}

describe('bench:peers', () => {
  it('measures ours beside another and writes what it has measured', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'result.json')
    await using run = bench(folder.path, '--secs', '1', '--rounds', '1', '--only', 'tcp.rr1,udp.flows16', '--peers', 'node', '--json', file)
    assert.deepEqual(await run.exited, { code: 0, signal: null }, run.stderr())
    const { workloads, versions } = readResult(file)
    assert.deepEqual(workloads.map(({ name, subjects }) => [name, Object.keys(subjects)]), [['tcp.rr1', ['ours', 'node']], ['udp.flows16', ['ours', 'node']]])
    for (const { rounds } of workloads.flatMap(({ subjects }) => Object.values(subjects))) {
      assert.equal(rounds.length, 1)
      for (const { value, cost = -1, failed = 0 } of rounds) assert.ok(value > 0 && cost >= 0 && failed === 0)
    }
    assert.deepEqual(Object.keys(versions), ['node'])
    assert.match(run.stdout(), /^tcp\.rr1: 64 B requests, 1 connection$/m)
    assert.deepEqual(processesIn(folder.path), [])
    assert.deepEqual(readdirSync(folder.path).filter((name) => name.startsWith('millrace-peers-')), [])
  })

  it('ends everything that it has started with Ctrl-C', async () => {
    using folder = temporaryFolder()
    await using run = bench(folder.path, '--secs', '60', '--rounds', '1', '--only', 'udp.flows16', '--peers', 'node')
    await until(() => processesIn(folder.path).length >= 3, 'a server, a relay and a load run', 60_000)
    run.process.kill('SIGINT')
    assert.deepEqual(await run.exited, { code: 1, signal: null }, run.stderr())
    await until(() => processesIn(folder.path).length === 0, 'nothing of it is left')
    assert.deepEqual(readdirSync(folder.path).filter((name) => name.startsWith('millrace-peers-')), [])
  })

  it('ends with 2 where an option is wrong', async () => {
    using folder = temporaryFolder()
    await using run = bench(folder.path, '--peers', 'haprxy')
    assert.deepEqual(await run.exited, { code: 2, signal: null })
    assert.equal(run.stderr(), 'error: option \'--peers <names>\' argument \'haprxy\' is invalid. "haprxy" is not known: did you mean "haproxy"?\n')
  })
})
