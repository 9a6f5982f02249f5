/** `--shards`, `--pin`, `--cpus`, `--steer`, `--reuse-port`. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { allowedCpus } from '../../lib/shards.ts'
import { startCli, runCli } from '../support/cli.ts'
import { sendFrom } from '../support/pinned-sender.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { unusedPort } from '../support/unused-ports.ts'

const [first = 0, second = first] = allowedCpus()

/** The threads of the loops, by name, and the CPUs that they may run on. */
function loopsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    const name = readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim()
    const cpus = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8'))?.[1] ?? ''
    return name.startsWith('millrace') ? [`${name} ${cpus}`] : []
  }).toSorted()
}

describe('millrace with shards', () => {
  afterEach(closeUdpPeers)

  it('--pin keeps each loop on a CPU, and --stats has a line for each', async () => {
    await using program = startCli(['echo', 'udp://127.0.0.1:0', '--shards', '2', '--pin', '--steer', 'cpu', '--stats', '50ms'])
    const [, address = ''] = await program.line(/^listening udp (\S+) -> echo$/)
    assert.deepEqual(loopsOf(program.pid), [`millrace-0 ${first}`, `millrace-1 ${second}`])
    await sendFrom(first, 'udp', address, 20)
    await sendFrom(second, 'udp', address, 30)
    await program.line(/^ {2}shard 0: \d+ open of \d+ \| toUpstream \d+ pps, .*, 20 B \| toDownstream \d+ pps, .*, 20 B$/)
    await program.line(/^ {2}shard 1: \d+ open of \d+ \| toUpstream \d+ pps, .*, 30 B \| toDownstream \d+ pps, .*, 30 B$/)
    program.process.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
  })

  it('--json has the shards in every line of stats', async () => {
    await using program = startCli(['echo', 'udp://127.0.0.1:0', '--cpus', `${second},${first}`, '--stats', '50ms', '--json'])
    const [line] = await program.line(/^.*"type":"listening".*$/)
    const listening: unknown = JSON.parse(line)
    assert.ok(typeof listening === 'object' && listening !== null && 'port' in listening)
    assert.deepEqual(loopsOf(program.pid), [`millrace-0 ${second}`, `millrace-1 ${first}`])
    const peer = await udpPeer(`127.0.0.1:${Number(listening.port)}`)
    assert.equal(await peer.ask('abc'), 'abc')
    const [, text = ''] = await program.line(/"toUpstream":\{"bytes":3,.*"shards":(\[.*\])\}$/)
    const shards: unknown = JSON.parse(text)
    assert.ok(Array.isArray(shards) && shards.length === 2)
    const busy: unknown = shards.find((shard: unknown) => JSON.stringify(shard).includes('"bytes":3'))
    const way = (perSecond: unknown, bytesPerSecond: unknown) => ({ bytes: 3, bytesPerSecond, datagrams: 1, datagramsPerSecond: perSecond })
    assert.ok(typeof busy === 'object' && busy !== null && 'toUpstream' in busy && 'toDownstream' in busy && 'sessions' in busy)
    for (const one of [busy.toUpstream, busy.toDownstream]) {
      assert.ok(typeof one === 'object' && one !== null && 'bytesPerSecond' in one && 'datagramsPerSecond' in one)
      assert.deepEqual(one, way(one.datagramsPerSecond, one.bytesPerSecond))
    }
    program.process.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
  })

  it('sink has a line for each', async () => {
    await using program = startCli(['sink', 'udp://127.0.0.1:0', '--shards', '2', '--stats', '50ms'])
    await program.line(/^ {2}shard 0: 0 pps 0\.000 MiB \/ 0\.000 Mb$/)
    await program.line(/^ {2}shard 1: 0 pps 0\.000 MiB \/ 0\.000 Mb$/)
  })

  it('--reuse-port lets two processes share a port, and without it the second is refused', async () => {
    const port = await unusedPort()
    const args = ['echo', `udp://127.0.0.1:${port}`]
    await using one = startCli([...args, '--reuse-port'])
    await one.line(/^listening/)
    await using another = startCli([...args, '--reuse-port', '--shards', '2'])
    await another.line(/^listening/)
    const refused = await runCli([...args, '--shards', '2'])
    assert.deepEqual([refused.code, refused.stderr], [1, `millrace: echo: listen EADDRINUSE 127.0.0.1:${port}\n`])
  })

  it('--reuse-port takes a free port only where none has it, shared or not', async () => {
    const under = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && sysctl -qw net.ipv4.ip_local_port_range="40000 40001" && exec "$0" "$@"']
    const any = 'udp://127.0.0.1:0'
    const { code, stderr } = await runCli(['stun', any, any, any, '--reuse-port'], { under })
    assert.deepEqual([code, stderr], [1, 'millrace: stun: listen EADDRINUSE 127.0.0.1:0\n'])
    await using program = startCli(['stun', any, any, '--reuse-port'], { under })
    const [, port = ''] = await program.line(/^listening udp 127\.0\.0\.1:(4000[01]) -> stun$/)
    await program.line(new RegExp(`^listening udp 127\\.0\\.0\\.1:${port === '40000' ? '40001' : '40000'} -> stun$`))
  })

  const cases: readonly (readonly [args: readonly string[], message: string | RegExp])[] = [
    [['--shards', '0'], '--shards: must be an integer from 1 to 128 loops, not 0'],
    [['--shards', '129'], '--shards: must be an integer from 1 to 128 loops, not 129'],
    [['--shards', 'all'], '--shards: "all" is neither a number of loops nor auto'],
    [['--cpus', '1-0'], '--cpus: "1-0" is not a list of CPUs: write it like 0,2-3'],
    [['--cpus', ''], '--cpus: "" is not a list of CPUs: write it like 0,2-3'],
    [['--cpus', '8191'], /^--cpus: pin: 8191 is not a CPU that this process may run on: those are [\d,-]+$/],
    [['--shards', '3', '--cpus', String(first)], '--cpus: pin names 1 CPU, but there are 3 shards: expected one CPU for each'],
    [['--pin', '--cpus', '0'], '--pin takes the CPUs in their order and --cpus those of its list: give one of them'],
    [['--steer', 'rss'], '--steer: expected hash or cpu, not "rss"'],
  ]
  for (const [args, message] of cases) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(['echo', 'udp://127.0.0.1:0', ...args])
      assert.equal(stdout, '')
      assert.equal(code, 2)
      const said = stderr.replace(/^millrace: echo: /, '').trimEnd()
      if (typeof message === 'string') assert.equal(said, message)
      else assert.match(said, message)
    })
  }
})
