/** What `listen` asks of the kernel for a session's downstream. */
import assert from 'node:assert/strict'
import { echo, listen, pipe, tcp } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { tcpSizes } from '../support/socket-options.ts'
import { portOf } from '../support/udp-peers.ts'

describe('the options of listen, for streams', () => {
  it('maxSegmentBytes, receiveBufferBytes and sendBufferBytes are inherited by every session', async () => {
    const asked = { maxSegmentBytes: 1_000, receiveBufferBytes: 40_000, sendBufferBytes: 30_000 }
    await withRelay([pipe(listen(tcp('127.0.0.1:0'), asked), echo()), pipe(listen(tcp('127.0.0.1:0')), echo())], {}, async ({ addressOf }) => {
      const [given, plain] = await Promise.all([addressOf(0), addressOf(1)].map(async (address) => {
        const peer = await connect(address)
        await peer.send('x'.repeat(100_000))
        await peer.read(100_000)
        return tcpSizes(portOf(address), peer.socket.localPort ?? 0)
      }))
      assert.ok(given && plain)
      assert.ok(given.maxSegment <= 1_000 && given.maxSegment > 900, `${given.maxSegment}: less the options of TCP`)
      assert.deepEqual([given.receiveBuffer, given.sendBuffer], [80_000, 60_000]) // the kernel doubles them, for its bookkeeping
      assert.ok(plain.maxSegment > 10_000)
      assert.notDeepEqual([plain.receiveBuffer, plain.sendBuffer], [80_000, 60_000])
    })
  })
})
