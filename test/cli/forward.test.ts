/** `millrace forward` and `millrace echo` as an operator uses them: ready line, options, --log, --json and --stats. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readyAddress, startCli } from '../support/cli.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { finish, jsonLines } from './lines.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** What comes back for `text` through `address`. */
async function ask(address: string, text: string): Promise<string> {
  const peer = await connect(address)
  await peer.end(text)
  return (await peer.readAll()).text
}

/** A session that is turned away: how soon the reset comes is a matter of chance, and nothing comes before it. */
async function askInVain(address: string): Promise<void> {
  const peer = await connect(address).catch(() => undefined)
  assert.equal((await peer?.readAll())?.bytes ?? 0, 0)
}

describe('millrace echo', () => {
  afterEach(destroyPeers)

  it('says where it listens, with the real port, and sends everything back', async () => {
    await using program = startCli(['echo', 'tcp://127.0.0.1:0'])
    const [, port] = await program.line(/^listening tcp 127\.0\.0\.1:([1-9]\d*) -> echo$/)
    assert.equal(await ask(`127.0.0.1:${port}`, 'hello'), 'hello')
    await finish(program)
  })

  it('listens on IPv6', async () => {
    await using program = startCli(['echo', 'tcp://[::1]:0'])
    const [, port] = await program.line(/^listening tcp \[::1\]:([1-9]\d*) -> echo$/)
    assert.equal(await ask(`[::1]:${port}`, 'hello'), 'hello')
    await finish(program)
  })
})

describe('millrace forward', () => {
  afterEach(destroyPeers)

  it('relays both ways, and says from where to where', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`])
    const [, address = ''] = await program.line(new RegExp(`^listening tcp (127\\.0\\.0\\.1:[1-9]\\d*) -> tcp ${upstream.address}$`))
    const downstream = await connect(address)
    const there = await upstream.accept()
    await downstream.end('question')
    assert.equal((await there.readAll()).text, 'question')
    await there.end('answer')
    assert.equal((await downstream.readAll()).text, 'answer')
    await finish(program)
    assert.equal(program.stderr(), '')
  })

  it('forwards to one of several upstreams, and says which of them is down', async () => {
    const [a, b] = await Promise.all(['a', 'b'].map((name) => listen({ onPeer: (peer) => void peer.end(name) })))
    assert(a && b)
    const gone = `127.0.0.1:${await unusedPort()}`
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', [a.address, gone, b.address].map((address) => `tcp://${address}`).join(), '--balance', 'roundRobin', '--health', 'tcp'])
    const [, address = ''] = await program.line(new RegExp(`^listening tcp (\\S+) -> tcp ${a.address}, tcp ${gone}, tcp ${b.address}$`))
    await program.line(new RegExp(`${gone} is unhealthy \\(ECONNREFUSED\\)`))
    assert.deepEqual([await ask(address, ''), await ask(address, ''), await ask(address, ''), await ask(address, '')].sort().join(''), 'aabb')
    await finish(program)
  })

  it('relays from and to unix sockets', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'))
    const upstream = await listen({ path: `${folder}/up.sock` })
    await using program = startCli(['forward', `unix://${folder}/down.sock`, `unix://${folder}/up.sock`])
    await program.line(/^listening unix \S+\/down\.sock -> unix \S+\/up\.sock$/)
    const downstream = await connect(`${folder}/down.sock`)
    await downstream.end('through')
    assert.equal((await (await upstream.accept()).readAll()).text, 'through')
    downstream.destroy()
    await destroyPeers()
    await finish(program)
    await rm(folder, { recursive: true })
  })

  it('--deny and --allow keep addresses out, --log says why', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end('in') })
    for (const [flags, text] of [
      [['--allow', '127.0.0.0/8'], 'in'],
      [['--allow', '10.0.0.0/8', '--allow', '127.0.0.1/32'], 'in'],
      [['--allow', '10.0.0.0/8'], ''],
      [['--deny', '127.0.0.0/8'], ''],
      [['--allow', '127.0.0.0/8', '--deny', '127.0.0.1'], ''],
    ] as const) {
      await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--log', ...flags])
      const address = await readyAddress(program)
      if (text === 'in') assert.equal(await ask(address, ''), 'in', flags.join(' '))
      else await askInVain(address)
      await program.line(text === 'in' ? /^closed 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ finished, / : /^closed 127\.0\.0\.1:\d+ denied, /)
      await finish(program)
    }
  })

  it('--max-sessions and --max-sessions-per-address turn further sessions away', async () => {
    for (const flag of ['--max-sessions', '--max-sessions-per-address']) {
      const upstream = await listen()
      await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--log', flag, '1'])
      const address = await readyAddress(program)
      const first = await connect(address)
      await upstream.accept()
      await askInVain(address)
      await program.line(/^closed 127\.0\.0\.1:\d+ limited, /)
      first.destroy()
      await destroyPeers()
      await finish(program)
    }
  })

  for (const [flag, reason] of [['--idle-timeout', 'idleTimeout'], ['--max-duration', 'maxDuration']] as const) {
    it(`${flag} ends a session`, async () => {
      const upstream = await listen()
      await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--log', flag, '100ms'])
      const downstream = await connect(await readyAddress(program))
      await downstream.readAll()
      await destroyPeers()
      await program.line(new RegExp(`^closed \\S+ -> \\S+ ${reason}, `))
      await finish(program)
    })
  }

  it('--half-close-timeout ends a session whose one side has ended', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--log', '--half-close-timeout', '100ms'])
    const downstream = await connect(await readyAddress(program))
    await downstream.end('half')
    await downstream.readAll()
    await destroyPeers()
    await program.line(/^closed \S+ -> \S+ halfCloseTimeout, /)
    await finish(program)
  })

  it('a refused upstream closes its session with the reason', async () => {
    const port = await unusedPort()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://127.0.0.1:${port}`, '--log', '--retries', '0', '--connect-timeout', '1s'])
    await askInVain(await readyAddress(program))
    await program.line(/^closed 127\.0\.0\.1:\d+ (-> \S+ )?connectRefused( \(\w+\))?, toUpstream 0 B, toDownstream 0 B, /)
    await finish(program)
  })

  it('--source-address is what the upstream sees', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--source-address', '127.0.0.2', '--keep-alive', '60s'])
    const downstream = await connect(await readyAddress(program))
    assert.equal((await upstream.accept()).socket.remoteAddress, '127.0.0.2')
    downstream.destroy()
    await destroyPeers()
    await finish(program)
  })

  it('--source-address takes several, which take turns', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--source-address', '127.0.0.2,127.0.0.3'])
    const [address, seen] = [await readyAddress(program), new Array<string | undefined>()]
    for (let i = 0; i < 3; i++) {
      await connect(address)
      seen.push((await upstream.accept()).socket.remoteAddress)
    }
    assert.deepEqual(seen, ['127.0.0.2', '127.0.0.3', '127.0.0.2'])
    await destroyPeers()
    await finish(program)
  })

  it('--throttle holds a session to its rate', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end(Buffer.alloc(300_000)) })
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--throttle', '200kB/s'])
    const begun = performance.now()
    const downstream = await connect(await readyAddress(program))
    assert.equal((await downstream.readAll()).bytes, 300_000)
    assert.ok(performance.now() - begun > 400, 'the first 200 kB may come at once, the rest takes half a second')
    downstream.destroy()
    await finish(program)
  })

  it('--json prints one object a line for what happens', async () => {
    const upstream = await listen()
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--json', '--stats', '1h'])
    const [, port = ''] = await program.line(/"type":"listening".*"port":([1-9]\d*)/)
    const downstream = await connect(`127.0.0.1:${port}`)
    const there = await upstream.accept()
    await downstream.end('12345')
    await there.end('1234567')
    await downstream.readAll()
    await program.line(/"type":"close"/)
    await finish(program)

    const lines = jsonLines(program)
    assert.deepEqual(lines.map(({ type }) => type), ['listening', 'open', 'close', 'closing', 'stats'])
    const [listening, open, close, closing] = lines
    assert.deepEqual(listening, { type: 'listening', at: listening?.['at'], net: 'tcp', address: '127.0.0.1', port: Number(port), pipeline: 0, sink: `tcp ${upstream.address}` })
    assert.equal(open?.['upstream'], upstream.address)
    assert.equal(open['listener'], `127.0.0.1:${port}`)
    assert.equal(close?.['session'], open['session'])
    assert.equal(close?.['reason'], 'finished')
    assert.equal(close['bytesToUpstream'], 5)
    assert.equal(close['bytesToDownstream'], 7)
    assert.equal(closing?.['signal'], 'SIGTERM')
    assert.match(program.stdout(), /"sessions":\{"open":0,"accepted":1,"perSecond":\d+\},"toUpstream":\{"bytes":5,.*"toDownstream":\{"bytes":7,.*"balanced":true/)
  })

  it('--stats prints a line an interval', async () => {
    await using program = startCli(['echo', 'tcp://127.0.0.1:0', '--stats', '50ms'])
    const address = await readyAddress(program)
    await program.line(/^sessions 0 open of 0 \| toUpstream 0 B\/s, 0 B \| toDownstream 0 B\/s, 0 B \| 0 sessions\/s$/)
    const peer = await connect(address)
    await peer.send('x'.repeat(5_000))
    await peer.read(5_000)
    await program.line(/^sessions 1 open of 1 \| toUpstream \S+ k?B\/s, 5 kB \| toDownstream \S+ k?B\/s, 5 kB \| \d+ sessions\/s$/)
    peer.destroy()
    await finish(program)
  })

  it('goes on when the reader of its output is gone', async () => {
    const upstream = await listen({ onPeer: (peer) => void peer.end('in') })
    await using program = startCli(['forward', 'tcp://127.0.0.1:0', `tcp://${upstream.address}`, '--log'])
    const address = await readyAddress(program)
    program.process.stdout?.destroy()
    for (let n = 0; n < 5; n++) assert.equal(await ask(address, ''), 'in')
    await finish(program)
  })
})
