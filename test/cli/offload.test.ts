/** `--offload nftables` and `millrace offload` as an operator sees them. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { complains, runCli, startCli } from '../support/cli.ts'
import { field, listIn, numberIn } from '../support/json.ts'
import { jsonOf, offloadNet } from '../support/offload.ts'
import { temporaryFolder } from '../support/programs.ts'
import { addresses } from '../support/three-namespaces.ts'

const { aToo, b, bToo, bTowardsC, c } = addresses
const offloaded = ['--offload', 'nftables']

async function refused(args: readonly string[], line: string): Promise<void> {
  await complains(args, `millrace: ${line}`, 2)
}

describe('offload: the command line', () => {
  it('what cannot be offloaded is a mistake that names it', async () => {
    const [from, to] = ['tcp://127.0.0.1:7890', 'tcp://127.0.0.1:7891']
    await refused(['forward', from, to, '--offload', 'bpf'], 'forward: --offload: "bpf" is not known: the one way is nftables')
    await refused(['forward', from, to, '--idle-timeout', '1s', ...offloaded], 'forward: --offload: idleTimeout[0]: cannot be offloaded to nftables: it is about the bytes and the timers of millrace, and conntrack has its own')
    await refused(['forward', 'tcp://127.0.0.1:0', to, ...offloaded], 'forward: --offload: listen: cannot be offloaded to nftables: tcp 127.0.0.1:0 takes a free port, but a rule needs its number: expected 1 to 65535')
    await refused(['forward', from, to, '--log', ...offloaded], 'forward: --log: with --offload there are no lines of sessions to print, the kernel does not tell when they end; leave it out')
    await refused(['offload', 'shwo'], "offload: unknown command 'shwo' (did you mean show?)")
    await refused(['offload', 'clear', '--al'], "offload: unknown option '--al' (did you mean --all?)")
  })

  it('explain says kernel for each node, or what cannot go there', async () => {
    using folder = temporaryFolder()
    const file = join(folder.path, 'relay.mjs')
    writeFileSync(file, "import { allow, forward, listen, pipe, udp } from 'millrace'\nexport default pipe(listen(udp('127.0.0.1:7890')), allow('10.0.0.0/8'), forward(udp('10.0.0.2:53')))\n")
    const { stdout } = await runCli(['explain', file, ...offloaded])
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'listen udp 127.0.0.1:7890  kernel  matches packets before they are routed',
      '  allow 10.0.0.0/8         kernel  drops packets before they are tracked',
      '  forward udp 10.0.0.2:53  kernel  translates addresses and ports, for both directions',
      'runs in the kernel, as rules of nftables: no byte comes to this process',
    ])
    await refused(['explain', 'examples/udp-echo.ts', ...offloaded], 'explain: --offload: idleTimeout[0]: cannot be offloaded to nftables: it is about the bytes and the timers of millrace, and conntrack has its own')
  })

  it('help tells of offload, show and clear, with examples; without a word the help is the complaint', async () => {
    for (const args of [['help', 'offload'], ['offload', '--help'], ['offload', 'show', '--help'], ['offload', 'clear', '--help']]) {
      const { stdout, code } = await runCli(args)
      assert.equal(code, 0, args.join(' '))
      assert.match(stdout, /Examples:\n {2}\$ millrace /)
    }
    assert.match((await runCli(['help'])).stdout, /^ {2}offload /m)
    assert.equal((await runCli(['offload'])).code, 2)
  })

  it('ready line, stats, what show says, and the end', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    const under = net.under.b
    const say = async (...args: readonly string[]): Promise<string> => {
      const { stdout, stderr, code } = await runCli(['offload', ...args], { under })
      assert.deepEqual([stderr, code], ['', 0])
      return stdout
    }
    assert.deepEqual([await say('show'), await say('show', '--json'), await say('clear')], ['no tables of millrace here\n', '', 'nothing to remove\n'])
    await using _echo = await net.echo('c', 7890, 7900)
    await using flows = startCli(['forward', 'udp://0.0.0.0:7890-7900', `udp://${c}:7890-7900`, '--deny', `${aToo}/32`, ...offloaded, '--json', '--stats', '1h'], { under })
    await using streams = startCli(['forward', `tcp://${b}:7890`, `tcp://${c}:7890`, ...offloaded, '--stats', '1h'], { under })
    await flows.line(/"type":"listening".*"port":7890,"lastPort":7900,"sink":"udp 10\.77\.2\.2:7890-7900"/)
    await streams.line(/^listening tcp 10\.77\.1\.1:7890 -> tcp 10\.77\.2\.2:7890$/)
    const said = await net.ask('a', [{ kind: 'udp', host: b, port: 7895 }, { kind: 'tcp', host: b, port: 7890 }, { kind: 'udp', host: bToo, port: 7895, source: aToo }])
    assert.deepEqual(said, [`7895 ${bTowardsC} hello`, `7890 ${bTowardsC} hello`, 'TimeoutError'])

    const shown = await say('show')
    assert.match(shown, new RegExp(`millrace_udp_7890_\\w+ \\(pid ${flows.pid}, alive\\)\n  udp 0\\.0\\.0\\.0:7890-7900 -> udp 10\\.77\\.2\\.2:7890-7900\n    1 session \\| toUpstream 1 datagrams, 5 B \\| toDownstream 1 datagrams, 20 B \\| 1 refused by allow or deny\n`))
    assert.match(shown, new RegExp(`millrace_tcp_7890_\\w+ \\(pid ${streams.pid}, alive\\)\n  tcp 10\\.77\\.1\\.1:7890 -> tcp 10\\.77\\.2\\.2:7890\n    1 session \\| toUpstream 5 B \\| toDownstream 20 B\n`))
    streams.kill('SIGKILL')
    await streams.exited
    const tables = jsonOf(await say('show', '--json'), 'table')
    assert.deepEqual(tables.map((table) => [numberIn(table, 'pid') === flows.pid, field(table, 'alive')]).sort(), [[false, false], [true, true]])
    assert.deepEqual(tables.flatMap((table) => listIn(table, 'pipelines').map((pipeline) => numberIn(field(pipeline, 'toDownstream'), 'bytes'))), [20, 20])

    assert.match(await say('clear'), new RegExp(`^removed millrace_tcp_7890_\\w+ \\(pid ${streams.pid}, stale\\)\n1 table of running processes left: --all removes it too\n$`))
    assert.match(await say('clear'), /^nothing to remove\n1 table /)
    flows.kill('SIGTERM')
    await flows.line(/"type":"closing","at":\d+,"signal":"SIGTERM","open":1,/)
    flows.kill('SIGTERM')
    await flows.exited
    const last = jsonOf(flows.stdout(), 'stats').at(-1)
    assert.deepEqual([field(last, 'balanced'), numberIn(field(last, 'sessions'), 'accepted'), numberIn(field(last, 'sessions'), 'open')], [true, 1, 0])
    assert.equal(await say('show'), 'no tables of millrace here\n')
  })

  it('clear --all removes what runs too, and the relay says that its rules are gone', async () => {
    await using net = await offloadNet()
    if (net === undefined) return
    await using relay = startCli(['forward', `udp://${b}:7890`, `udp://${c}:7890`, ...offloaded, '--stats', '50ms'], { under: net.under.b })
    await relay.line(/ledger balanced/)
    assert.match((await runCli(['offload', 'clear', '--all', '--json'], { under: net.under.b })).stdout, new RegExp(`^\\{"type":"removed","table":"millrace_udp_7890_\\w+","pid":${relay.pid},"alive":true\\}\n$`))
    await relay.line(/^millrace: forward: offload: the table millrace_udp_7890_\w+ is gone: somebody has removed its rules, and nothing is relayed/)
    relay.kill('SIGTERM')
    assert.equal((await relay.exited).code, 0)
    assert.equal(relay.stderr().trim().split('\n').length, 1, relay.stderr())
  })
})
