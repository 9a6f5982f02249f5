/** Pitfall 17, at size: 15,000 flows in one process, and 100,000 sources that do not exist beside 100 flows that do. */
import assert from 'node:assert/strict'
import { forward, idleTimeout, listen as from, pipe, udp } from '../../lib/index.ts'
import { sanitized, slowness } from '../support/child.ts'
import { countsOf } from '../support/datagram-ledger.ts'
import { eventually, rssBytes, socketsOf } from '../support/proc.ts'
import { checkLedger, threads } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { addresses, threeNamespaces } from '../support/three-namespaces.ts'
import { faultsOf, flawless, flood, honest, loadEcho, verify } from '../support/udp-load.ts'

const { b, c } = addresses
const manyFlows = sanitized ? 3_000 : 15_000
const sources = sanitized ? 20_000 : 100_000
const idleMs = sanitized ? 10_000 : 8_000

describe('many flows', function () {
  this.timeout(240_000)

  for (const thread of threads) {
    it(`${manyFlows} flows in one process: each answered, each expired in its time, every descriptor given back, ${thread} thread`, async () => {
      await using net = await threeNamespaces()
      if (net === undefined) return
      for (const where of ['a', 'b'] as const) await net.exec(where, 'sh', '-c', 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range')
      await using _echo = await loadEcho(`${c}:700`, { under: net.under.c })
      await using relay = await relayProcess(pipe(from(udp(`${b}:700`), { receiveBufferBytes: 64 << 20 }), idleTimeout(idleMs), forward(udp(`${c}:700`))), { thread, under: net.under.b })
      // A first flow, so that what is made once is not counted as the flows'.
      assert.deepEqual(faultsOf(await verify(`${b}:700`, { count: 10, size: 64 }, { under: net.under.a })), flawless)
      const descriptors = socketsOf(relay.pid).length - 1

      const report = await verify(`${b}:700`, { flows: manyFlows, count: 2 * manyFlows, size: 64, window: 1, patience: 30 }, { under: net.under.a })
      assert.deepEqual(faultsOf(report), flawless, JSON.stringify({ report, ledger: (await relay.ledger()).datagrams }))
      const { open, accepted } = (await relay.ledger()).sessions
      console.log(`      ${open} flows open after ${report.seconds.toFixed(2)} s and ${report.received} round trips`)
      assert.ok(open >= manyFlows, `${open} flows open`)

      // The first flow's port may have been given out again, and it is one of these then.
      const closes = await relay.closes(accepted)
      for (const { reason, durationMs } of closes) assert.ok(reason === 'idleTimeout' && durationMs >= idleMs, `${reason} after ${durationMs} ms`)
      await eventually('descriptors to be given back', () => socketsOf(relay.pid).length <= descriptors)
      assert.equal((await relay.ledger()).sessions.open, 0)
      assert.deepEqual(await relay.sessions(), [])
      await relay.close(0)
      const ledger = await relay.ledger()
      checkLedger({ ledger: () => ledger })
    })
  }

  it(`${manyFlows} flows: how much memory each of them takes`, async () => {
    await using net = await threeNamespaces()
    if (net === undefined) return
    for (const where of ['a', 'b'] as const) await net.exec(where, 'sh', '-c', 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range')
    await using _echo = await loadEcho(`${c}:700`, { under: net.under.c })
    // Without events, which are objects of JS, and collected when it likes.
    const pipeline = pipe(from(udp(`${b}:700`), { receiveBufferBytes: 64 << 20 }), forward(udp(`${c}:700`)))
    await using relay = await relayProcess(pipeline, { thread: 'own', sessionEvents: false, under: net.under.b })
    // What is made once, for the first, is not the flows'.
    assert.deepEqual(faultsOf(await verify(`${b}:700`, { flows: 10, count: 10_000, size: 64 }, { under: net.under.a })), flawless)
    const before = rssBytes(relay.pid)
    assert.deepEqual(faultsOf(await verify(`${b}:700`, { flows: manyFlows, count: manyFlows, size: 64, window: 1, patience: 30 }, { under: net.under.a })), flawless)
    const each = (rssBytes(relay.pid) - before) / manyFlows
    console.log(`      ${each.toFixed(0)} bytes of user memory a flow`)
    // A sanitizer shadows every byte and keeps freed ones back.
    assert.ok(each <= (sanitized ? 8_192 : 512), `${each} bytes`)
    await relay.close(0)
  })

  it(`a flood from ${sources} sources that do not exist costs 100 flows that do less than 0.1 % of what they send`, async () => {
    await using net = await threeNamespaces()
    if (net === undefined) return
    await net.exec('b', 'sh', '-c', 'echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range')
    await using _echo = await loadEcho(`${c}:700`, { under: net.under.c })
    await using relay = await relayProcess(pipe(from(udp(`${b}:700`), { receiveBufferBytes: 64 << 20, maxFlows: 5_000 }), forward(udp(`${c}:700`))), { thread: 'own', under: net.under.b })
    await using flows = await honest(`${b}:700`, { flows: 100, rate: 2_000 / slowness }, { under: net.under.a })
    const rate = 20_000 / slowness
    const flooded = await flood(`${b}:700`, { sources, rate, seconds: Math.ceil(sources / rate) }, { under: net.under.a })
    const report = await flows.stop()
    await eventually('the flood to be over', async () => (await relay.ledger()).datagrams.toUpstream.received >= flooded.sent + report.sent)
    const ledger = await relay.ledger()
    console.log(`      ${flooded.sent} from ${flooded.sources} sources, ${ledger.reasons.evicted} flows gave way; ${report.lost} of ${report.sent} honest datagrams lost`)
    assert.equal(flooded.sources, sources)
    assert.ok(report.lost < report.sent / 1_000, JSON.stringify({ report, datagrams: ledger.datagrams }))
    assert.ok(ledger.sessions.accepted >= sources, `${ledger.sessions.accepted} flows began`)
    assert.ok(ledger.sessions.open <= 5_000)
    assert.equal(countsOf(ledger, 'toUpstream').received, flooded.sent + report.sent)
    assert.ok(ledger.balanced)
    const told = (await relay.sessions()).length
    assert.equal(told, ledger.sessions.open)
    await relay.close(0)
  })
})
