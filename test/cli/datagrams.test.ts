/** `millrace forward` and `millrace echo` with udp://: ready line, options, --log, --json and --stats. */
import assert from 'node:assert/strict'
import { startCli } from '../support/cli.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { closeUdpPeers, udpEcho, udpPeer } from '../support/udp-peers.ts'
import { finish, jsonLines, readyUdp } from './lines.ts'
import { unusedPorts } from '../support/unused-ports.ts'

const anyPort = 'udp://127.0.0.1:0'

describe('millrace echo udp://', () => {
  afterEach(closeUdpPeers)

  it('says where it listens, with the real port, and sends every datagram back', async () => {
    await using program = startCli(['echo', anyPort])
    const [, port] = await program.line(/^listening udp 127\.0\.0\.1:([1-9]\d*) -> echo$/)
    const peer = await udpPeer(`127.0.0.1:${port}`)
    for (const text of ['hello', '', 'again']) assert.equal(await peer.ask(text), text)
    await finish(program)
    assert.equal(program.stderr(), '')
  })

  it('listens on IPv6', async () => {
    await using program = startCli(['echo', 'udp://[::1]:0'])
    const [, address = ''] = await program.line(/^listening udp (\[::1\]:[1-9]\d*) -> echo$/)
    assert.equal(await (await udpPeer(address)).ask('hello'), 'hello')
    await finish(program)
  })
})

describe('millrace forward udp://', () => {
  afterEach(async () => {
    await closeUdpPeers()
    await destroyPeers()
  })

  it('relays both ways, says from where to where, and ends once its flow is quiet', async () => {
    const upstream = await udpEcho()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`])
    const [, address = ''] = await program.line(new RegExp(`^listening udp (127\\.0\\.0\\.1:[1-9]\\d*) -> udp ${upstream.address}$`))
    assert.equal(await (await udpPeer(address)).ask('question'), 'question')
    program.kill('SIGTERM')
    await program.line(/^closing on SIGTERM: 1 open, up to 30s to end, again to end at once$/)
    assert.equal((await program.exited).code, 0)
    assert.equal(program.stderr(), '')
  })

  it('lets an answer through that is underway when it is told to end', async () => {
    const upstream = await udpPeer()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--log'])
    const peer = await udpPeer(await readyUdp(program))
    await peer.send('question')
    const { from } = await upstream.receive()
    program.kill('SIGTERM')
    await program.line(/^closing on/)
    await upstream.send('answer', from)
    assert.equal((await peer.receive()).bytes.toString(), 'answer')
    assert.equal((await program.exited).code, 0)
    await program.line(/^closed \S+ -> \S+ serverClosed, toUpstream 8 B, toDownstream 6 B, /)
  })

  it('maps a range of ports to another, port to port, and says so in one line', async () => {
    const [first, there] = [await unusedPorts(3), await unusedPorts(3, '127.0.0.2')]
    const upstreams = await Promise.all([0, 1, 2].map((i) => udpPeer(undefined, { host: '127.0.0.2', port: there + i, answer: () => `port ${i}` })))
    await using program = startCli(['forward', `udp://127.0.0.1:${first}-${first + 2}`, `udp://127.0.0.2:${there}-${there + 2}`])
    await program.line(new RegExp(`^listening udp 127\\.0\\.0\\.1:${first}-${first + 2} -> udp 127\\.0\\.0\\.2:${there}-${there + 2}$`))
    for (const i of [2, 0, 1]) assert.equal(await (await udpPeer(`127.0.0.1:${first + i}`)).ask('which?'), `port ${i}`)
    assert.deepEqual(upstreams.map((upstream) => upstream.count()), [1, 1, 1])
    await finish(program)
    assert.equal(program.stdout().split('\n').length, 3, program.stdout())
  })

  it('listens to a range of ports for streams too, and its --json line has both ends of it', async () => {
    const first = await unusedPorts(3)
    const upstream = await listen({ onPeer: (peer) => void peer.end('in') })
    await using program = startCli(['forward', `tcp://127.0.0.1:${first}-${first + 2}`, `tcp://${upstream.address}`, '--json'])
    await program.line(/"type":"listening"/)
    for (const i of [0, 1, 2]) assert.equal((await (await connect(`127.0.0.1:${first + i}`)).readAll()).text, 'in')
    await destroyPeers()
    await finish(program)
    const listening = jsonLines(program).filter(({ type }) => type === 'listening')
    assert.deepEqual(listening.map(({ port, lastPort }) => [port, lastPort]), [[first, first + 2]])
  })

  it('--responses ends a flow that has so many replies for each datagram, and --log says it', async () => {
    const upstream = await udpEcho()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--responses', '1', '--log'])
    assert.equal(await (await udpPeer(await readyUdp(program))).ask('question'), 'question')
    await program.line(/^closed 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ finished, toUpstream 8 B, toDownstream 8 B, /)
    await finish(program)
  })

  for (const [flag, what, line] of [
    ['--max-flows', 'takes the oldest flow for a new one', /^closed \S+ -> \S+ evicted, toUpstream 5 B, /],
    ['--max-flows-per-address', 'drops what would be one too many of an address', /^flows 1 open of 1 .* \| dropped tableFull 1 \|/],
  ] as const) {
    it(`${flag} ${what}`, async () => {
      const upstream = await udpPeer()
      await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, flag, '1', '--log', '--stats', '50ms'])
      const address = await readyUdp(program)
      await (await udpPeer(address)).send('first')
      await upstream.receive()
      await (await udpPeer(address)).send('second')
      await program.line(line)
      await finish(program)
    })
  }

  for (const [flag, reason] of [['--idle-timeout', 'idleTimeout'], ['--max-duration', 'maxDuration']] as const) {
    it(`${flag} ends a flow`, async () => {
      const upstream = await udpEcho()
      await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, flag, '3s', '--log'])
      assert.equal(await (await udpPeer(await readyUdp(program))).ask('hello'), 'hello')
      await program.line(new RegExp(`^closed \\S+ -> \\S+ ${reason}, `))
      await finish(program)
    })
  }

  for (const flags of [['--deny', '127.0.0.0/8'], ['--allow', '10.0.0.0/8'], ['--throttle', '1B/s']]) {
    it(`${flags.join(' ')} drops, and --stats counts it`, async () => {
      const upstream = await udpPeer()
      await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--stats', '50ms', ...flags])
      const peer = await udpPeer(await readyUdp(program))
      // A throttled flow may send 65507 bytes at once.
      for (const text of ['x', 'y', 'z']) await peer.send(text.repeat(30_000))
      await program.line(/\| dropped policy [1-3] \|/)
      await finish(program)
    })
  }

  it('--source-address is what the upstream sees', async () => {
    const upstream = await udpPeer()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--source-address', '127.0.0.2'])
    await (await udpPeer(await readyUdp(program))).send('hello')
    assert.match((await upstream.receive()).from, /^127\.0\.0\.2:/)
    await finish(program)
  })

  it('--receive-buffer is told in --json, and where the kernel gives less that is said', async () => {
    const flags = ['--receive-buffer', '64MiB', '--json']
    await using plenty = startCli(['echo', anyPort, ...flags])
    await plenty.line(/"receiveBufferBytes":[1-9]\d+/)
    await finish(plenty)
    // Without CAP_NET_ADMIN net.core.rmem_max holds.
    const under = process.getuid?.() === 0 ? ['setpriv', '--bounding-set', '-net_admin', '--inh-caps', '-net_admin'] : []
    await using little = startCli(['echo', anyPort, ...flags], { under })
    await little.line(/^millrace: echo: udp 127\.0\.0\.1:\d+ got a receive buffer of .*B and not 67\.1 MB: raise net\.core\.rmem_max$/)
    little.kill('SIGTERM')
    assert.equal((await little.exited).code, 0)
  })

  it('--stats counts datagrams and flows, and says that the ledger balances', async () => {
    const upstream = await udpEcho()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--stats', '50ms'])
    const address = await readyUdp(program)
    await program.line(/^flows 0 open of 0 \| toUpstream 0 pps, 0 B\/s, 0 B \| toDownstream 0 pps, 0 B\/s, 0 B \| ledger balanced$/)
    assert.equal((await (await udpPeer(address)).ask('x'.repeat(1_000))).length, 1_000)
    await program.line(/^flows 1 open of 1 \| toUpstream \d+ pps, \S+ k?B\/s, 1 kB \| toDownstream \d+ pps, \S+ k?B\/s, 1 kB \| ledger balanced$/)
    await finish(program)
    assert.match(program.stdout(), /^flows 0 open of 1 .*\n$/m)
  })

  it('--json prints one object a line, and its last stats account for every datagram', async () => {
    const upstream = await udpPeer()
    await using program = startCli(['forward', anyPort, `udp://${upstream.address}`, '--responses', '1', '--json', '--stats', '1h'])
    const [, port = ''] = await program.line(/"type":"listening".*"port":([1-9]\d*)/)
    const peer = await udpPeer(`127.0.0.1:${port}`)
    await peer.burst(['12345', '1234567'])
    const { from: asker } = await upstream.receive()
    await upstream.receive()
    await upstream.burst(['12345', '1234567'], asker)
    await program.line(/"type":"close"/)
    await finish(program)

    const lines = jsonLines(program)
    assert.deepEqual(lines.map(({ type }) => type), ['listening', 'open', 'close', 'closing', 'stats'])
    const [listening, open, close, , stats] = lines
    assert.equal(listening?.['sink'], `udp ${upstream.address}`)
    assert.equal(listening['net'], 'udp')
    assert.equal(open?.['upstream'], upstream.address)
    assert.equal(close?.['session'], open['session'])
    assert.deepEqual([close?.['reason'], close?.['bytesToUpstream'], close?.['bytesToDownstream']], ['finished', 12, 12])
    assert.equal(stats?.['balanced'], true)
    const ways = /"datagrams":\{"toUpstream":\{"received":2,"produced":0,"sent":2,"consumed":0,"pending":0,"crossed":0,"dropped":\{\},"perSecond":\d+\},"toDownstream":\{"received":2,/
    assert.match(program.stdout(), ways)
    assert.match(program.stdout(), /"flows":\{"open":0,"accepted":1,"perSecond":\d+\}/)
  })
})
