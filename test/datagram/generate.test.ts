/** The source `generate`: what it says it has sent, received and lost, on echoes whose behaviour is known. */
import assert from 'node:assert/strict'
import { discard, echo, filterDatagrams, forward, generate, listen as from, pipe, udp } from '../../lib/index.ts'
import { sanitized } from '../support/child.ts'
import { threads, withRelay, type TestRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort, unusedPorts } from '../support/unused-ports.ts'

const durationMs = 500

/** Serves an answering pipeline on a fixed port and a generator that goes there; resolves to its report. */
async function generated(thread: 'own' | 'embedded', options: Parameters<typeof generate>[0], answering: (at: `127.0.0.1:${number}`) => Parameters<typeof withRelay>[0], body: (report: NonNullable<ReturnType<TestRelay['server']['load']>>, relay: TestRelay) => void): Promise<void> {
  const port = await unusedPort()
  const pipelines = [answering(`127.0.0.1:${port}`), pipe(generate({ durationMs, ...options }), forward(udp(`127.0.0.1:${port}`)))].flat()
  await withRelay(pipelines, { thread }, async (relay) => {
    await until(() => relay.events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended', 30_000)
    const report = relay.server.load()
    assert(report)
    body(report, relay)
  })
}

for (const thread of threads) {
  describe(`generate, ${thread} thread`, () => {
    for (const gso of [false, true]) {
      it(`with a window loses nothing to an echo: all that it has sent comes back, ${gso ? 'in trains' : 'one by one'}`, async () => {
        await generated(thread, { flows: 4, sizeBytes: 200, window: 16, gso }, (at) => pipe(from(udp(at)), echo()), (report, relay) => {
          assert.deepEqual({ lost: report.lost, reordered: report.reordered, duplicated: report.duplicated, failures: report.sendFailures }, { lost: 0, reordered: 0, duplicated: 0, failures: 0 })
          assert.equal(report.received, report.sent)
          assert.ok(report.sent >= 64 && report.finished, JSON.stringify(report))
          const { p50 = 0, p99 = 0, max = 0 } = report.latencyUs ?? {}
          assert.ok(p50 > 0 && p50 <= p99 && p99 <= max, JSON.stringify(report))
          const [echoed] = relay.server.ledger().pipelines
          assert.equal(echoed?.datagrams.toUpstream.received, report.sent)
        })
      })
    }

    it('at a rate sends no more than that', async () => {
      await generated(thread, { flows: 2, sizeBytes: 64, ratePerSecond: 1_000 }, (at) => pipe(from(udp(at)), echo()), (report) => {
        assert.ok(report.sent <= 1.1 * 1_000 * report.seconds + 10, JSON.stringify(report))
        assert.equal(report.lost, 0)
      })
    })

    it('without answers counts all as lost', async () => {
      await generated(thread, { flows: 1, sizeBytes: 64, ratePerSecond: 1_000 }, (at) => pipe(from(udp(at)), discard()), (report) => {
        assert.deepEqual([report.received, report.lost, report.latencyUs], [0, report.sent, undefined])
        assert.ok(report.sent > 0)
      })
    })

    it('with more flows than a turn has events can be closed at once, with answers on their way', async () => {
      const port = await unusedPort()
      const pipelines = [pipe(from(udp(`127.0.0.1:${port}`)), echo()), pipe(generate({ flows: 1_100, window: 1 }), forward(udp(`127.0.0.1:${port}`)))]
      await withRelay(pipelines, { thread }, async ({ server }) => {
        await until(() => (server.load()?.received ?? 0) > 1_100, () => `every flow to have gone round, ${JSON.stringify(server.load())}`)
      })
    })
  })
}

describe('generate to a range of ports', () => {
  it('has its flows take them in turn', async () => {
    const first = await unusedPorts(3)
    const [range, flows] = [`127.0.0.1:${first}-${first + 2}` as const, 7]
    await withRelay([pipe(from(udp(range)), echo()), pipe(generate({ durationMs, flows, ratePerSecond: 700 }), forward(udp(range)))], {}, async (relay) => {
      await until(() => relay.events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended', 30_000)
      const listeners = relay.events.flatMap((event) => (event.type === 'open' ? event.listener : [])).toSorted()
      assert.deepEqual(listeners, [0, 0, 0, 1, 1, 2, 2].map((offset) => `127.0.0.1:${first + offset}`))
      assert.deepEqual(relay.server.load()?.lost, 0)
    })
  })
})

describe('generate and an echo that drops', () => {
  it('counts exactly what was dropped as lost', async () => {
    let dropped = 0
    const forgetful = filterDatagrams((batch) => {
      let place = 0
      for (const datagram of batch) {
        if (place++ % 10 !== 3) continue
        batch.drop(datagram)
        dropped++
      }
    })
    await generated('embedded', { flows: 2, sizeBytes: 64, ratePerSecond: sanitized ? 2_000 : 10_000 }, (at) => pipe(from(udp(at)), forgetful, echo()), (report) => {
      assert.deepEqual([report.lost, report.received], [dropped, report.sent - dropped])
    })
  })
})

describe('generate to one that goes on sending', () => {
  it('ends all the same', async () => {
    const upstream = await udpPeer()
    let chatter: NodeJS.Timeout | undefined
    upstream.socket.once('message', (_bytes, { address, port }) => { chatter = setInterval(() => upstream.socket.send('x'.repeat(64), port, address), 50) })
    try {
      const made = pipe(generate({ flows: 1, sizeBytes: 64, ratePerSecond: 100, durationMs: 1_000 }), forward(udp(upstream.address)))
      await withRelay([pipe(from(udp('127.0.0.1:0')), discard()), made], {}, async (relay) => {
        await until(() => relay.events.some((event) => event.type === 'notice' && event.code === 'generated'), 'the generator to have ended')
        const { sent, lost, received } = relay.server.load() ?? {}
        assert.ok(sent !== undefined && sent > 0 && lost === sent && received !== undefined && received > 0)
      })
    } finally {
      clearInterval(chatter)
      await upstream.close()
    }
  })
})
