/** `millrace run FILE --workers N`. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allowedCpus } from '../../lib/shards.ts'
import type { Child } from '../support/child.ts'
import { cpuSeconds } from '../support/proc.ts'
import { runCli, startCli } from '../support/cli.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { unusedPort } from '../support/unused-ports.ts'
import { until } from '../support/until.ts'

const [first = 0, second = first] = allowedCpus()
const flows = 60

const files = {
  echo: `export default pipe(listen(udp('127.0.0.1:0')), datagrams((batch) => { for (const one of batch) batch.reply(one, one.bytes) }))`,
  streams: `export default pipe(listen(tcp('127.0.0.1:0')), inspect({ minBytes: 1 }, () => pass()), echo())`,
  both: `export default [pipe(listen(udp('127.0.0.1:0')), echo()), pipe(listen(tcp('127.0.0.1:0')), inspect({ minBytes: 1 }, () => pass()), echo())]`,
  dies: `export default pipe(listen(udp('127.0.0.1:0')), datagrams((batch) => {
    for (const one of batch) {
      batch.reply(one, one.bytes)
      if (String.fromCharCode(...one.bytes) === 'die') setTimeout(() => { throw new Error('on purpose') })
      if (String.fromCharCode(...one.bytes) === 'exit') setTimeout(() => process.exit(7))
    }
  }))`,
  throws: `throw new Error('not today')\nexport default pipe(listen(udp('127.0.0.1:0')), echo())`,
  second: `if (threadId > 1) throw new Error('one is enough')\nexport default pipe(listen(tcp('127.0.0.1:0')), echo())`,
  hangs: `export default pipe(listen(udp('127.0.0.1:0')), datagrams((batch) => {
    for (const one of batch) if (String.fromCharCode(...one.bytes) === 'hang') for (;;);
  }))`,
  differs: `export default threadId > 1 ? pipe(listen(udp('127.0.0.1:0')), echo()) : [pipe(listen(tcp('127.0.0.1:0')), echo()), pipe(listen(udp('127.0.0.1:0')), echo())]`,
  unix: `export default pipe(listen(unix('/tmp/millrace-never.sock')), echo())`,
  forward: `export default pipe(listen(udp('127.0.0.1:0')), forward(udp('127.0.0.1:9')))`,
}
const head = `import { threadId } from 'node:worker_threads'
import { datagrams, echo, forward, inspect, listen, pass, pipe, tcp, udp, unix } from 'millrace'
`

describe('millrace run --workers', function () {
  this.timeout(60_000)
  let folder = ''
  const file = (name: keyof typeof files): string => join(folder, `${name}.ts`)

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-workers-'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, `${name}.ts`), `${head}${text}\n`)
  })
  after(() => rmSync(folder, { recursive: true }))
  afterEach(async () => {
    await destroyPeers()
    await closeUdpPeers()
  })

  const listening = async (program: Child): Promise<string> => (await program.line(/^listening \w+ (\S+) -> /))[1] ?? ''

  it('share datagrams and streams, and their ledgers are shown, summed and one by one', async () => {
    await using program = startCli(['run', file('both'), '--workers', '2', '--stats', '100ms'])
    const [address, stream] = [await listening(program), (await program.line(/^listening tcp (\S+) -> /))[1] ?? '']
    const peers = await Promise.all(Array.from({ length: flows }, () => udpPeer(address)))
    for (const peer of peers) assert.equal(await peer.ask('abc'), 'abc')
    const streams = await many(flows, () => connect(stream))
    for (const peer of streams) {
      await peer.send('xy')
      assert.equal(String(await peer.read(2)), 'xy')
    }
    await program.line(new RegExp(`^sessions ${flows} open of ${flows} \\| flows ${flows} open of ${flows} \\| .*, ${5 * flows} B \\| .*ledger balanced$`))
    const shares = await Promise.all([0, 1].map(async (worker) => Number((await program.line(new RegExp(`^  worker ${worker}: (\\d+) open of (?!0 )\\d+ `)))[1])))
    for (const share of shares) assert.ok(share > 0)
    await Promise.all(streams.map((peer) => peer.end()))
    for (const peer of peers) assert.equal(await peer.ask('still here'), 'still here')
    program.process.kill('SIGTERM')
    assert.deepEqual(await program.exited, { code: 0, signal: null }, program.stderr())
    assert.match(program.stdout(), /\nclosing on SIGTERM: \d+ open, up to 30s to end, again to end at once\n/)
    assert.match(program.stdout(), new RegExp(`\\nsessions 0 open of ${flows} \\| flows 0 open of ${flows} .*ledger balanced\\n`))
  })

  it('tell of sessions by ids that no two have', async () => {
    await using program = startCli(['run', file('streams'), '--workers', '3', '--json'])
    const [, port = ''] = await program.line(/"type":"listening".*"port":(\d+)/)
    const peers = await many(flows, () => connect(`127.0.0.1:${port}`))
    for (const peer of peers) {
      await peer.send('x')
      await peer.read(1)
    }
    const opened = (): string[] => [...program.stdout().matchAll(/"type":"open".*?"session":(\d+)/g)].map(([, id = '']) => id)
    await until(() => opened().length >= flows, 'all to be told of')
    assert.equal(new Set(opened()).size, flows)
    assert.equal(new Set(opened().map((id) => Number(id) % 3)).size, 3)
  })

  it('--pin keeps each thread on a CPU', async () => {
    await using program = startCli(['run', file('echo'), '--workers', '2', '--pin'])
    await listening(program)
    const allowed = readdirSync(`/proc/${program.pid}/task`).map((tid) => /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync(`/proc/${program.pid}/task/${tid}/status`, 'utf8'))?.[1])
    for (const cpu of [first, second]) assert.ok(allowed.includes(String(cpu)), allowed.join(' '))
  })

  for (const [word, why] of [['die', /^millrace: run: worker [01] died: Error: on purpose\n/m], ['exit', /^millrace: run: worker [01] has exited with code 7$/m]] as const) {
    it(`one that ${word}s ends them all, and says which and why`, async () => {
      await using program = startCli(['run', file('dies'), '--workers', '2', '--drain', '1s'])
      const address = await listening(program)
      const peer = await udpPeer(address)
      assert.equal(await peer.ask('still here'), 'still here')
      assert.equal(await peer.ask(word), word)
      assert.deepEqual(await program.exited, { code: 1, signal: null }, program.stderr())
      assert.match(program.stderr(), why)
    })
  }

  for (const signals of [1, 2]) {
    it(`one whose handler does not return is ended with the others, after ${signals === 1 ? 'the time to drain' : 'a second signal'}`, async () => {
      await using program = startCli(['run', file('hangs'), '--workers', '2', '--drain', signals === 1 ? '100ms' : '1h'])
      const peer = await udpPeer(await listening(program))
      const before = cpuSeconds(program.pid)
      await peer.send('hang')
      await until(() => cpuSeconds(program.pid) > before + 1.5, 'the handler to hang')
      program.process.kill('SIGTERM')
      await program.line(/^closing on SIGTERM/)
      if (signals === 2) program.process.kill('SIGTERM')
      assert.deepEqual(await program.exited, { code: signals === 1 ? 1 : 143, signal: null }, program.stderr())
      assert.match(program.stderr(), /^millrace: run: worker [01] did not end, 2 s after its time was over$/m)
    })
  }

  it('none is left where one of them cannot load the file', async () => {
    const { code, stdout, stderr } = await runCli(['run', file('second'), '--workers', '3'])
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /^millrace: run: \S+second\.ts:3: throws while loading: one is enough\n$/)
  })

  it('are refused where the port is taken, with one line', async () => {
    const port = await unusedPort()
    const taken = await udpPeer(undefined, { port })
    writeFileSync(join(folder, 'taken.ts'), `${head}export default pipe(listen(udp('${taken.address}')), echo())\n`)
    const { code, stderr } = await runCli(['run', join(folder, 'taken.ts'), '--workers', '2'])
    assert.deepEqual([code, stderr], [1, `millrace: run: listen EADDRINUSE ${taken.address}\n`])
  })

  const cases: readonly (readonly [args: readonly string[], code: number, message: string | RegExp])[] = [
    [['echo', '--workers', '0'], 2, '--workers: "0" is not a whole number of at least 1'],
    [['echo', '--workers', '65'], 2, '--workers: expected 1 to 64, got 65'],
    [['differs', '--workers', '2'], 1, 'worker 1 has other pipelines than worker 0: the file has to export the same in every thread'],
    [['echo', '--workers', '2', '--shards', '2'], 2, '--shards are loops without JS and --workers are threads with it: give one of them'],
    [['echo', '--workers', '2', '--cpus', '8191,8190'], 2, /^--cpus: pin: 8191 is not a CPU that this process may run on: those are [\d,-]+$/],
    [['unix', '--workers', '2'], 1, 'serve: pipeline 0 listens to unix /tmp/millrace-never.sock, and a Unix socket cannot be shared'],
    [['forward', '--workers', '2', '--steer', 'cpu'], 1, 'serve: steer "cpu" would tear the flows of pipeline 0 apart: forward of datagrams needs steer "hash"'],
    [['throws', '--workers', '2'], 1, /throws\.ts:3: throws while loading: not today$/],
  ]
  for (const [[name = '', ...args], exit, message] of cases) {
    it(`refuses ${name} ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runCli(['run', join(folder, `${name}.ts`), ...args])
      assert.deepEqual([code, stdout], [exit, ''])
      const said = stderr.replace(/^millrace: run: /, '').trimEnd()
      if (typeof message === 'string') assert.equal(said, message)
      else assert.match(said, message)
    })
  }
})
