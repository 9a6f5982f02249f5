/** The soak: that it finds what is wrong. It runs as a whole in .ci/run. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { numberAt } from '../../bench/programs.ts'
import type { Round } from '../../bench/results.ts'
import { taskKinds, chooseTask } from '../../bench/soak/choose-task.ts'
import { perform } from '../../bench/soak/client.ts'
import { datagramFaults, noDatagrams } from '../../bench/soak/datagrams.ts'
import { bounds, growth, growthFaults, imbalances, judgedLatency, latencyFaults, latencyRatio, leaks, slope, wakeUpFaults } from '../../bench/soak/judge.ts'
import type { Rounds } from '../../bench/soak/latency.ts'
import { latencyIsJudged, parseOptions } from '../../bench/soak/options.ts'
import { checker, patternAt } from '../../bench/soak/pattern.ts'
import { startServer } from '../../bench/soak/relay.ts'
import { latencyReport } from '../../bench/soak/report.ts'
import { countDescriptors } from '../../bench/soak/sample.ts'
import type { Sample } from '../../bench/soak/sample.ts'
import { decodeTask, encodeTask } from '../../bench/soak/task.ts'
import type { Task } from '../../bench/soak/task.ts'
import { ledgerOf, counterNames } from '../../lib/ledger.ts'
import { random, seed } from '../support/seeded.ts'

const mib = 2 ** 20

function aSample(changes: Partial<Sample> = {}): Sample {
  const descriptors = { sockets: 9, pipes: 11, epoll: 5, ioUring: 1, others: 9 }
  return { seconds: 0, descriptors, rssBytes: 90 * mib, sessions: 0, pendingBytes: 0, pendingDatagrams: 0, pipesInUse: 0, pipesCapacityBytes: 0, ...changes }
}

/** The medians of p99 are `aloneUs` and `besideUs`. */
function roundsOf(aloneUs: number, besideUs: number, changes: Partial<Round> = {}): Rounds {
  const round = (p99Us: number): Round => ({ value: p99Us, p50Us: 50, p99Us, p999Us: 2 * p99Us, failed: 0, answeredPercent: 100, bulkBytesPerSecond: 2e9 })
  return { alone: [aloneUs - 10, 900, aloneUs].map(round), beside: [{ ...round(besideUs), ...changes }], direct: [round(90)] }
}

describe('the judge of a soak', () => {
  const [slow, fast] = [roundsOf(110, 330), roundsOf(110, 220)]

  it('finds nothing where all has been given back', () => {
    assert.deepEqual(leaks(aSample(), aSample({ seconds: 600, rssBytes: 95 * mib })), [])
  })

  it('finds one descriptor more, and says of which kind', () => {
    const { descriptors } = aSample()
    assert.deepEqual(leaks(aSample(), aSample({ descriptors: { ...descriptors, sockets: 10 } })), ['descriptors, sockets: 10 at the end, 9 at the beginning'])
    assert.deepEqual(leaks(aSample(), aSample({ descriptors: { ...descriptors, pipes: 13 } })), ['descriptors, pipes: 13 at the end, 11 at the beginning'])
  })

  it('finds a session, bytes and a pipe that are left', () => {
    assert.deepEqual(leaks(aSample(), aSample({ sessions: 1, pendingBytes: 5, pendingDatagrams: 2, pipesInUse: 1, pipesCapacityBytes: mib })), [
      'sessions: 1 at the end, 0 at the beginning', 'pending bytes: 5 at the end, 0 at the beginning', 'pending datagrams: 2 at the end, 0 at the beginning',
      'pipes in use: 1 at the end, 0 at the beginning', `bytes of pipes: ${mib} at the end, 0 at the beginning`,
    ])
  })

  it('sees a descriptor that a process has opened', () => {
    const before = aSample({ descriptors: countDescriptors(process.pid) })
    const server = createServer().listen(0)
    const after = aSample({ descriptors: countDescriptors(process.pid) })
    server.close()
    const { sockets } = before.descriptors
    // Files are the module loader's, which opens and closes them when it likes.
    assert.deepEqual(leaks(before, after).filter((what) => !what.includes('others')), [`descriptors, sockets: ${sockets + 1} at the end, ${sockets} at the beginning`])
  })

  it('fits a line to the memory after the first minute', () => {
    const samples = [0, 30, 60, 90, 120, 180].map((seconds) => aSample({ seconds, rssBytes: seconds < 60 ? 500 * mib : (90 + seconds / 60) * mib }))
    const end = aSample({ seconds: 190, rssBytes: 100 * mib })
    assert.equal(slope([[0, 1], [1, 3], [2, 5]]), 2)
    assert.equal(slope([[1, 1]]), 0)
    const grown = growth(samples, end)
    assert.equal(grown.bytes, 9 * mib)
    assert.ok(Math.abs(grown.bytesPerMinute - mib) < 1)
    assert.deepEqual(growthFaults(grown), [])
    assert.deepEqual(growthFaults({ ...grown, bytes: bounds.rssGrowthBytes + 1 }), ['memory: it has grown by 32.0 MiB since its first minute, more than 32 MiB'])
  })

  it('adds the books up by itself', () => {
    const values = new Float64Array(counterNames.length)
    const set = (name: string, value: number): void => void (values[counterNames.indexOf(name)] = value)
    set('toUpstream.received', 10)
    set('toUpstream.sent', 10)
    assert.deepEqual(imbalances(ledgerOf([[{ kind: 'stream', values }]])), [])
    set('toUpstream.sent', 9)
    assert.deepEqual(imbalances(ledgerOf([[{ kind: 'stream', values }]])), [
      'ledger of all: bytes toUpstream: received + produced = sent + consumed + dropped: 10 is not 9',
      'ledger of pipeline 0: bytes toUpstream: received + produced = sent + consumed + dropped: 10 is not 9',
      'ledger: it says itself that it does not balance',
    ])
  })

  it('does not count a pending byte as delivered', () => {
    const values = new Float64Array(counterNames.length)
    for (const name of ['received', 'pending']) values[counterNames.indexOf(`toDownstream.${name}`)] = 1
    assert.equal(imbalances(ledgerOf([[{ kind: 'stream', values }]])).length, 2)
  })

  it('finds a relay that does not sleep, and one whose small messages wait for bulk', () => {
    assert.deepEqual(wakeUpFaults({ threadWakeUpsPerSecond: 0, wakeUpsPerSecond: 10 }), [])
    assert.deepEqual(wakeUpFaults({ threadWakeUpsPerSecond: 10, wakeUpsPerSecond: 10 }), ['wake-ups: its loop wakes up 10.0 times a second with nothing to do, more than 2'])
    assert.equal(latencyRatio(slow), 3)
    assert.deepEqual(latencyFaults(slow), ['latency: the p99 of small messages is 3.00 times as long beside bulk, more than 2'])
    assert.deepEqual(latencyFaults(fast), [])
  })

  it('does not take messages without an answer for fast ones, nor two elephants that stand still for bulk', () => {
    assert.deepEqual(latencyFaults(roundsOf(110, 0, { answeredPercent: 0 })), ['latency: only 0 % of the small messages have an answer, less than 90 %'])
    assert.deepEqual(latencyFaults(roundsOf(110, 200, { failed: 7 })), ['latency: 7 connections failed or had a wrong answer'])
    assert.deepEqual(latencyFaults(roundsOf(110, 200, { bulkBytesPerSecond: 2e6 })), ['latency: bulk has carried only 2.0 MB/s, less than 100'])
  })

  it('judges the latency with the loop ahead of bulk where there are fewer cores than who wants one', () => {
    assert.equal(judgedLatency({ shared: slow, ahead: fast }, 5), slow)
    assert.deepEqual(judgedLatency({ shared: slow, ahead: roundsOf(300, 220) }, 4), fast, 'the shorter p99 alone counts')
    assert.deepEqual(judgedLatency({ shared: roundsOf(300, 330), ahead: fast }, 4), fast)
    assert.equal(judgedLatency({ shared: slow }, 4), undefined)
    assert.match(latencyReport({ shared: slow, ahead: roundsOf(220, 220) }, 2, true), /share 2 cores: 3\.00\n.* ahead of those of bulk: 1\.00\njudged: 2\.00, ahead and with the shorter p99 alone; at most 2 is right$/)
    assert.match(latencyReport({ shared: slow }, 2, true), /share 2 cores: 3\.00\nnot judged: fewer than 5 cores, and nobody may go ahead/)
    assert.match(latencyReport({ shared: slow, ahead: fast }, 2, false), /not judged in less than a minute$/)
    assert.match(latencyReport({ shared: slow }, 8, true), /share 8 cores: 3\.00\njudged: 3\.00; at most 2 is right$/)
  })

  it('takes a missing datagram where it is known who dropped it', () => {
    assert.deepEqual(datagramFaults({ ...noDatagrams(), missing: 3, overflowed: 1 }, 2), [])
    assert.deepEqual(datagramFaults({ ...noDatagrams(), missing: 3, reordered: 1 }, 2), ['datagrams: 1 reordered', 'datagrams: 3 missing, and only 2 known to have been dropped'])
  })

  it('judges the latency of a run of a minute or more', () => {
    assert.equal(latencyIsJudged(parseOptions([])), true)
    assert.equal(latencyIsJudged(parseOptions(['--minutes', '0.3'])), false)
    assert.equal(parseOptions(['--no-latency', '--seed', '7']).latency, false)
    assert.throws(() => parseOptions(['--minutes', '0']), { message: /must be a number from 0\.05/ })
  })
})

describe('the payload of a soak', () => {
  it('is known at each place, and a block that is lost is seen', () => {
    const { below } = random(seed())
    for (const size of [1, 512, 4_096, 65_536, 1_048_576 - 65_536]) {
      const [stream, check] = [below(2 ** 31), checker(12_345)]
      assert.ok(checker(stream).take(Buffer.concat([patternAt(stream, 0, 1_000), patternAt(stream, 1_000, 60_000)])))
      assert.ok(check.take(patternAt(12_345, 0, 1_000)))
      assert.equal(check.take(patternAt(12_345, 1_000 + size, 1_000)), false)
      assert.equal(check.received, 1_000)
    }
  })

  it('tells the server what the client has chosen', () => {
    const chances = random(seed())
    for (const kind of taskKinds) {
      for (let i = 0; i < 100; i++) {
        const { reset, ...task } = { reset: undefined, ...chooseTask(kind, chances) }
        const told = reset?.by === 'server' ? { ...task, reset } : task
        assert.deepEqual(decodeTask(encodeTask(reset === undefined ? task : { ...task, reset })), { ...told, clientStallMs: 0 })
      }
    }
    assert.equal(decodeTask(Buffer.alloc(28)), undefined)
  })
})

/** A relay in which each direction is what `change` makes of it. */
async function badRelay(to: number, change: (chunk: Buffer, at: number) => Buffer, way: 'up' | 'down'): Promise<{ readonly port: number; [Symbol.dispose](): void }> {
  const move = (from: Socket, into: Socket, bad: boolean): void => {
    let at = 0
    from.on('data', (chunk) => {
      into.write(bad ? change(chunk, at) : chunk)
      at += chunk.length
    }).on('end', () => into.end()).on('error', () => into.destroy())
  }
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true })
    move(client, upstream, way === 'up')
    move(upstream, client, way === 'down')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: numberAt(server.address(), 'port'), [Symbol.dispose]: () => void server.close() }
}

describe('a connection of a soak', () => {
  const task: Task = { seed: 99, up: 300_000, down: 300_000, serverEndsFirst: false, serverStallMs: 0, clientStallMs: 0 }
  const never = new AbortController().signal
  /** At a place behind the head, in the chunk that has it. */
  const at = (place: number, make: (chunk: Buffer, index: number) => Buffer) => (chunk: Buffer, begin: number): Buffer =>
    begin <= place && place < begin + chunk.length ? make(Buffer.from(chunk), place - begin) : chunk
  const wrongs: readonly [string, (chunk: Buffer, begin: number) => Buffer][] = [
    ['loses a byte', at(200_000, (chunk, i) => Buffer.concat([chunk.subarray(0, i), chunk.subarray(i + 1)]))],
    ['sends one twice', at(200_000, (chunk, i) => Buffer.concat([chunk.subarray(0, i), chunk.subarray(i, i + 1), chunk.subarray(i)]))],
    ['changes one', at(200_000, (chunk, i) => chunk.fill((chunk[i] ?? 0) ^ 1, i, i + 1))],
  ]
  let server: ReturnType<typeof startServer>
  let port = 0
  before(async () => {
    server = startServer(60)
    port = numberAt(await server.line('listening'), 'address', 'port')
  })
  after(() => server.kill())

  for (const way of ['up', 'down'] as const) {
    it(`finds nothing wrong with a relay that changes nothing, ${way}`, async () => {
      using relay = await badRelay(port, (chunk) => chunk, way)
      for (const serverEndsFirst of [false, true]) assert.deepEqual(await perform({ ...task, serverEndsFirst }, relay.port, never), { received: task.down })
    })

    for (const [what, change] of wrongs) {
      it(`finds a relay that ${what}, ${way}`, async () => {
        using relay = await badRelay(port, change, way)
        assert.match((await perform(task, relay.port, never)).fault ?? '', /^seed 99: /)
      })
    }
  }

  it('finds a relay that loses the end', async () => {
    using relay = await badRelay(port, at(299_999, (chunk, i) => chunk.subarray(0, i)), 'down')
    assert.equal((await perform({ ...task, serverEndsFirst: true }, relay.port, never)).fault, 'seed 99: the server\'s side has ended after 299999 of 300000 bytes')
  })
})
