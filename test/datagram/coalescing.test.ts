/**
 * A loop that has a thread of its own and is busy with datagrams lets more of them gather (relay/datagram/coalescing.h): which pauses it makes is seen by
 * strace, and in what they do to others there is nothing to be seen. When it makes them is for test/native/leaves/coalescing_test.cc.
 */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { connect, destroyPeers } from '../support/peers.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { strace } from '../support/strace.ts'
import { faultsOf, flawless, verify, type VerifyOptions } from '../support/udp-load.ts'
import { until } from '../support/until.ts'

/** Half of what one read takes, so that each turn reads all there is. */
const busy = { flows: 2, window: 16, count: 30_000, size: 100 } as const

const both = [pipe(from(udp('127.0.0.1:0')), echo()), pipe(from(tcp('127.0.0.1:0')), echo())]

/** How many pauses the loop makes while all of the load comes back. */
async function pausesDuring(relay: RelayProcess, load: VerifyOptions): Promise<number> {
  await using trace = await strace(relay.loopThread, ['clock_nanosleep'])
  const report = await verify(relay.address, load)
  assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
  return trace.calls().filter((call) => call.includes('tv_nsec=50000')).length
}

describe('coalescing', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  it('makes pauses where datagrams come by the dozen, and none is lost', async () => {
    await using relay = await relayProcess(both)
    const pauses = await pausesDuring(relay, busy)
    console.log(`      ${pauses} pauses`)
    assert.ok(pauses > 0)
    await ledgerSays(relay, 'toDownstream', { produced: busy.count, sent: busy.count })
  })

  it('makes none where they come one at a time', async () => {
    await using relay = await relayProcess(both)
    assert.equal(await pausesDuring(relay, { flows: 1, window: 1, count: 2_000, size: 100 }), 0)
  })

  it('makes none while the loop has a stream, and again when it has ended', async () => {
    await using relay = await relayProcess(both)
    const client = await connect(relay.addressOf(1))
    await client.send('here')
    await until(() => client.bytesRead() === 4, 'the stream')
    assert.equal(await pausesDuring(relay, busy), 0)
    await client.end()
    await relay.closes(1)
    assert.ok(await pausesDuring(relay, busy) > 0)
  })

  it('makes none where the receive buffer might fill up in it', async () => {
    await using relay = await relayProcess(pipe(from(udp('127.0.0.1:0'), { receiveBufferBytes: 4_096 }), echo()))
    assert.equal(await pausesDuring(relay, { ...busy, flows: 1, window: 8 }), 0)
  })

  it('makes none on the thread of JS', async () => {
    await using relay = await relayProcess(both, { thread: 'embedded' })
    assert.equal(await pausesDuring(relay, busy), 0)
  })
})
