/** `millrace blast` and `millrace sink`, against each other and against an echo. How fast they are is for the benchmarks. */
import assert from 'node:assert/strict'
import { readyAddress, startCli } from '../support/cli.ts'
import { numberIn, textIn } from '../support/json.ts'
import { connect } from '../support/peers.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { finish, jsonLines, readyUdp } from './lines.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const anyPort = 'udp://127.0.0.1:0'
const second = String.raw`(?:\d+ pps|\d+\.\d{3} Mpps) \d+\.\d{3} MiB / \d+\.\d{3} Mb`

describe('millrace sink', () => {
  afterEach(closeUdpPeers)

  it('prints what came each second, and altogether at the end', async () => {
    await using sink = startCli(['sink', anyPort, '--stats', '50ms'])
    const peer = await udpPeer(await readyUdp(sink))
    await sink.line(/^0 pps 0\.000 MiB \/ 0\.000 Mb$/)
    await peer.send('x'.repeat(1_000))
    await sink.line(/^\d+ pps 0\.\d{3} MiB \/ 0\.(?!000)\d{3} Mb$/)
    await finish(sink)
    await sink.line(/^took 1 datagram, 1 kB, ledger balanced$/)
    assert.equal(peer.count(), 0)
  })

  it('takes streams too', async () => {
    await using sink = startCli(['sink', 'tcp://127.0.0.1:0', '--stats', '50ms'])
    const peer = await connect(await readyAddress(sink))
    await peer.end('hello')
    await peer.readAll()
    await sink.line(/^0\.000 MiB \/ 0\.\d{3} Mb$/)
    await finish(sink)
    await sink.line(/^took 1 session, 5 B, ledger balanced$/)
  })
})

describe('millrace blast', () => {
  afterEach(closeUdpPeers)

  it('sends to a sink for its time at its rate, and both count the same', async () => {
    await using sink = startCli(['sink', anyPort, '--json', '--stats', '1h', '--receive-buffer', '64MiB'])
    const [, port = ''] = await sink.line(/"type":"listening".*"port":([1-9]\d*)/)
    await using blast = startCli(['blast', `udp://127.0.0.1:${port}`, '--rate', '2kpps', '--flows', '3', '--size', '100', '--duration', '500ms', '--stats', '100ms'])
    assert.equal((await blast.exited).code, 0, blast.stderr())
    assert.equal(blast.stderr(), '')
    const lines = blast.stdout().trimEnd().split('\n')
    assert.equal(lines[0], `generating 3 flows, 100 bytes, 2000 datagrams/s, for 500 ms -> udp 127.0.0.1:${port}`)
    for (const line of lines.slice(1, -1)) assert.match(line, new RegExp(`^${second}, no replies$`))
    const [, sent] = /^sent (\d+), \d+ pps sent, no replies$/.exec(lines.at(-1) ?? '') ?? []
    assert.ok(Number(sent) > 0, lines.at(-1))
    await finish(sink)
    const stats = jsonLines(sink).at(-1)
    assert.equal(stats?.type, 'stats')
    assert.deepEqual([stats['balanced'], numberIn(stats['toUpstream'], 'bytes')], [true, 100 * Number(sent)])
  })

  for (const flags of [[], ['--gso']]) {
    it(`gets everything back from an echo, each with its time${flags.length > 0 ? ', also in trains' : ''}`, async () => {
      await using echo = startCli(['echo', anyPort])
      const address = await readyUdp(echo)
      await using blast = startCli(['blast', `udp://${address}`, '--window', '8', '--flows', '4', '--size', '800', '--duration', '300ms', '--stats', '100ms', '--json', ...flags])
      assert.equal((await blast.exited).code, 0, blast.stderr())
      const lines = jsonLines(blast)
      assert.deepEqual([...new Set(lines.map(({ type }) => type))], ['generating', 'stats', 'summary'])
      const summary = lines.at(-1)
      assert.ok(numberIn(summary, 'sent') > 0)
      const exact = ['received', 'lost', 'lostPercent', 'reordered', 'duplicated', 'sendFailures'].map((name) => numberIn(summary, name))
      assert.deepEqual(exact, [numberIn(summary, 'sent'), 0, 0, 0, 0, 0])
      assert.equal(summary?.['balanced'], true)
      const latency = summary['latencyUs']
      const times = ['p50', 'p90', 'p99', 'p999', 'max'].map((name) => numberIn(latency, name))
      assert.deepEqual(times, times.toSorted((a, b) => a - b))
      assert.ok(times.every((time) => time > 0), JSON.stringify(latency))
      await finish(echo)
    })
  }

  it('says replies and loss each second, and in its last line all there is to say', async () => {
    await using echo = startCli(['echo', anyPort])
    const address = await readyUdp(echo)
    await using blast = startCli(['blast', `udp://${address}`, '--rate', '1kpps', '--duration', '400ms', '--stats', '100ms'])
    await blast.line(new RegExp(`^${second}, replies \\d+ pps, lost 0\\.0000 %$`))
    assert.equal((await blast.exited).code, 0)
    const time = String.raw`\d+(\.\d)? (µ|m)s`
    const latency = `latency p50 ${time} p99 ${time} p99\\.9 ${time} max ${time}`
    await blast.line(new RegExp(`^sent \\d+, \\d+ pps sent, received \\d+, lost 0 \\(0\\.0000 %\\), reordered 0, duplicated 0, ${latency}, \\d+ pps received$`))
    await finish(echo)
  })

  it('counts what is lost on the way', async () => {
    let count = 0
    const upstream = await udpPeer(undefined, { answer: (bytes) => (count++ % 2 === 0 ? bytes : undefined) })
    await using blast = startCli(['blast', `udp://${upstream.address}`, '--rate', '500pps', '--duration', '400ms', '--json'])
    assert.equal((await blast.exited).code, 0)
    const summary = jsonLines(blast).at(-1)
    assert.equal(numberIn(summary, 'sent'), upstream.count())
    assert.equal(numberIn(summary, 'received'), Math.ceil(upstream.count() / 2))
    assert.equal(numberIn(summary, 'lost'), Math.floor(upstream.count() / 2))
  })

  for (const load of [['--window', '8'], ['--rate', '2kpps']]) {
    it(`ends on SIGINT with the summary and 0, when all that is under way has come (${load.join(' ')})`, async () => {
      const upstream = await udpPeer(undefined, { answer: (bytes) => bytes })
      await using blast = startCli(['blast', `udp://${upstream.address}`, '--flows', '4', ...load, '--duration', '0s', '--stats', '50ms', '--json'])
      await until(() => upstream.count() > 100, 'datagrams')
      blast.kill('SIGINT')
      assert.equal((await blast.exited).code, 0, blast.stderr())
      const summary = jsonLines(blast).at(-1)
      assert.deepEqual([summary?.['type'], summary?.['finished'], summary?.['balanced']], ['summary', true, true])
      for (const [name, count] of [['sent', upstream.count()], ['received', upstream.count()], ['lost', 0]] as const) assert.equal(numberIn(summary, name), count, name)
    })
  }

  it('goes on where nobody listens, says at the end why nothing came, and fails', async () => {
    const url = `udp://127.0.0.1:${await unusedPort()}`
    await using blast = startCli(['blast', url, '--rate', '1kpps', '--duration', '200ms', '--json'])
    assert.equal((await blast.exited).code, 1)
    assert.equal(blast.stderr(), `millrace: blast: nothing came back from ${url}, and ICMP says that nobody listens there\n`)
    const summary = jsonLines(blast).at(-1)
    assert.equal(textIn(summary, 'type'), 'summary')
    assert.equal(numberIn(summary, 'received'), 0)
    assert.ok(numberIn(summary, 'icmpErrors') > 0)
    assert.equal(summary?.['balanced'], true)
  })

  it('fails at once where the name does not resolve', async () => {
    await using blast = startCli(['blast', 'udp://nowhere.invalid:7000', '--duration', '0s'])
    assert.equal((await blast.exited).code, 1)
    assert.match(blast.stderr(), /^millrace: blast: nowhere\.invalid does not resolve \(.*\)\n$/)
  })
})
