/** `millrace doctor`. */
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { sayFinding, sayNeed } from '../../lib/cli/doctor-lines.ts'
import { createOutput } from '../../lib/cli/output.ts'
import type { Finding } from '../../lib/doctor/finding.ts'
import { complains, runCli, startCli } from '../support/cli.ts'
import { field, listIn, numberIn, textIn } from '../support/json.ts'
import type { JsonLine } from './lines.ts'
import { jsonLines } from './lines.ts'

async function json(args: readonly string[], options: Parameters<typeof startCli>[1] = {}): Promise<{ readonly code: number | null; readonly lines: readonly JsonLine[]; readonly stderr: string }> {
  await using program = startCli(['doctor', '--json', ...args], options)
  const { code } = await program.exited
  return { code, lines: jsonLines(program), stderr: program.stderr() }
}

const ofType = (lines: readonly JsonLine[], type: string): readonly JsonLine[] => lines.filter((line) => line.type === type)

describe('millrace doctor', () => {
  it('prints a line for each check, commands below it, and how many of each there were', async () => {
    const { code, stdout, stderr } = await runCli(['doctor'])
    assert.equal(stderr, '')
    assert.equal(code, 0)
    const lines = stdout.trimEnd().split('\n')
    const checks = lines.filter((line) => /^(ok|warn|fail|skip) /.test(line))
    assert(checks.length >= 24)
    for (const line of lines.slice(0, -2)) assert.match(line, /^(ok|warn|fail|skip) +\S+.* {2}\S|^ {6}(mend:|last:| {5}) {2}?\S/)
    for (const line of checks) assert.equal(line.includes(' -> '), /^(warn|fail)/.test(line), line)
    const counts = ['ok', 'warn', 'fail', 'skip'].map((status) => `${checks.filter((line) => line.startsWith(status)).length} ${status}`)
    assert.equal(lines.at(-1), counts.join(', '))
    assert(!stdout.includes('\u001b'), 'no colours where nobody sees them')
  })

  it('--json prints one object a line, a check each, and a summary', async () => {
    const { code, lines } = await json([])
    assert.equal(code, 0)
    assert.deepEqual([...new Set(lines.map(({ type }) => type))], ['check', 'summary'])
    const checks = ofType(lines, 'check')
    for (const check of checks) {
      const bad = ['warn', 'fail'].includes(textIn(check, 'status'))
      assert.equal(textIn(check, 'cost') !== '', bad, JSON.stringify(check))
      assert.equal(listIn(check, 'mend').length > 0, bad, JSON.stringify(check))
    }
    const [summary] = ofType(lines, 'summary')
    assert.equal(numberIn(summary, 'ok') + numberIn(summary, 'warn') + numberIn(summary, 'skip'), checks.length)
    assert.equal(numberIn(summary, 'fail'), 0)
  })

  it('ends with 1 where something fails: an addon that does not load', async () => {
    const { code, lines, stderr } = await json(['--for', '10x100pps@200B'], { env: { MILLRACE_ADDON: '/nowhere/millrace.node' } })
    assert.equal(code, 1)
    assert.equal(stderr, '')
    const status = (name: string): string => textIn(ofType(lines, 'check').find(({ check }) => check === name), 'status')
    assert.equal(status('addon'), 'fail')
    for (const unseen of ['receive-buffer', 'trains', 'reuse-port', 'splice', 'udp-memory']) assert.equal(status(unseen), 'skip', unseen)
    assert.deepEqual(ofType(lines, 'need').map(({ verdict }) => verdict), ['unknown'])
  })

  it('tells others than root what they may not see', async () => {
    const { code, lines } = await json([], process.getuid?.() === 0 ? { under: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] } : {})
    assert.equal(code, 0)
    assert.match(textIn(ofType(lines, 'check').find(({ check }) => check === 'nft'), 'status'), /^skip$/)
  })

  it('--for measures, and says of each resource whether it is there', async function () {
    this.timeout(60_000)
    const [small, large] = await Promise.all([runCli(['doctor', '--for', '10x100pps@200B']), json(['--for', '50000x1Mbps@800B'])])
    assert.match(small.stdout, /^10 flows with 0\.2 Mbit\/s \(100 pps\) of 200 bytes each way: 1,000 pps each way$/m)
    assert.match(small.stdout, /^measured, .*: \d.* a core \(.* relayed with .* cores\) with 10 flows of one datagram each; .* with 16 flows in trains$/m)
    for (const resource of ['cores', 'descriptors', 'ports', 'memory', 'receive-buffer']) assert.match(small.stdout, new RegExp(`^fits {10}${resource} `, 'm'))
    assert.match(small.stdout, /; nothing that is known stands against this load\n$/)
    assert.equal(small.code, 0, small.stderr)

    const { lines, code } = large
    const [measuring] = ofType(lines, 'measuring')
    assert.equal(numberIn(measuring, 'datagramsPerSecondEachWay'), 7_812_500)
    const [measured] = ofType(lines, 'measured')
    for (const way of ['single', 'trains']) assert(numberIn(field(measured, way), 'perCoreSecond') > 1_000, way)
    const cores = ofType(lines, 'need').find(({ resource }) => resource === 'cores')
    assert.equal(Math.round(numberIn(cores, 'needed') * numberIn(field(measured, 'single'), 'perCoreSecond')), 2 * 7_812_500)
    const short = ofType(lines, 'need').filter(({ verdict }) => verdict === 'short').map(({ resource }) => resource)
    assert.deepEqual(listIn(ofType(lines, 'summary')[0], 'short'), short)
    assert.equal(code, short.length > 0 ? 1 : 0)
  })

  const write = 'write it like 50000x1Mbps@800B or 10000x100pps@200B'
  const units = 'write bps, kbps, Mbps, Gbps, pps, kpps, Mpps'
  for (const [text, message] of [
    ['many', `"many" is not a load: ${write}`],
    ['50000x1Mbps', `"50000x1Mbps" is not a load: ${write}`],
    ['0x1Mbps@800B', `"0" is not a number of flows: ${write}`],
    ['-5x1Mbps@800B', `"-5" is not a number of flows: ${write}`],
    ['1.5x1Mbps@800B', `"1.5" is not a number of flows: ${write}`],
    ['x1Mbps@800B', `"" is not a number of flows: ${write}`],
    ['5xfast@800B', `"fast" is not a rate of a flow: ${write}`],
    ['5x1@800B', `"1" has no unit: ${units}`],
    ['5x1mbps@800B', `"1mbps" has the unknown unit "mbps": ${units}`],
    ['5x1constructor@800B', `"1constructor" has the unknown unit "constructor": ${units}`],
    ['5x0pps@800B', '"0pps" is nothing to plan for'],
    ['5x1Mbps@800', '"800" has no unit: write it like 10MB or 64KiB'],
    ['5x1Mbps@0B', '"0B" is less than one byte'],
    ['5x1Mbps@64KiB', '"64KiB" is more than a datagram can carry: at most 65507B'],
  ] as const) {
    it(`refuses --for ${text}`, () => complains(['doctor', '--for', text], `millrace: doctor: --for: ${message}`, 2))
  }

  it('refuses an argument, and an option that is not there', async () => {
    assert.match((await runCli(['doctor', 'all'])).stderr, /^millrace: doctor: too many arguments/)
    assert.match((await runCli(['doctor', '--four', '1x1pps@1B'])).stderr, /did you mean --for\?\)\n$/)
  })
})

describe('the lines of doctor', () => {
  const finding: Finding = { check: 'ports', status: 'warn', found: 'few', cost: 'flows', mend: ['a', 'b'], last: ['c'] }

  it('are coloured on a terminal, unless NO_COLOR is set', () => {
    const written = (): string => {
      const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
      const output = createOutput(stream, false)
      sayFinding(output, finding)
      sayNeed(output, { resource: 'ports', verdict: 'short', text: 'more', needed: 2, todo: ['widen'] })
      return String(stream.read())
    }
    const before = process.env['NO_COLOR']
    try {
      delete process.env['NO_COLOR']
      assert(written().startsWith('\u001b[33mwarn\u001b[0m  ports            few -> flows\n      mend:  a\n             b\n      last:  c\n\u001b[31mdoes not fit\u001b[0m'))
      process.env['NO_COLOR'] = '1'
      assert(written().startsWith('warn  ports            few -> flows\n'))
    } finally {
      if (before === undefined) delete process.env['NO_COLOR']
      else process.env['NO_COLOR'] = before
    }
  })
})
