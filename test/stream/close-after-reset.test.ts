/** Whoever reads a stream that was cut off must not take it for a whole one, even if somebody says `close` meanwhile. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { tcpSocket } from '../support/kernel.ts'
import { connect } from '../support/peers.ts'
import { pour } from '../support/pour.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay } from '../support/relay.ts'
import { quiet, stalled } from '../support/stalled.ts'
import { pause, until } from '../support/until.ts'

for (const thread of threads) {
  describe(`a downstream that is reset with bytes pending to the upstream, ${thread} thread`, () => {
    for (const closed of [false, true]) {
      it(`${closed ? 'and the session closed meanwhile: ' : ''}the upstream reads what there is and then a reset`, async () => {
        const upstream = await rawPeer(undefined, { pauseAt: [0] })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          pour(downstream.socket)
          await upstream.paused()
          await until(() => relay.server.ledger().toUpstream.pending > 0, 'bytes to wait in the relay')
          const { localPort = 0, remotePort = 0 } = downstream.socket
          downstream.reset()
          await until(() => ['07', undefined].includes(tcpSocket(remotePort, localPort)?.state), 'the reset to arrive')
          const [session] = await relay.server.sessions()
          assert(session)
          if (closed) relay.server.endSession(session.id, 'close')
          upstream.resume()
          const { ending, bytes } = await upstream.report()
          assert.equal(ending, 'ECONNRESET')
          assert.ok(bytes > 0)
          const { reason } = await relay.close()
          assert.ok(reason === 'resetByDownstream' || (closed && reason === 'closedByHandler'), reason)
        })
      })
    }

    // The kernel has all of it by then, so nothing is pending in the relay when the linger time is over.
    for (const late of [false, true]) {
      it(`and the session closed meanwhile, to an upstream that takes longer than lingerMs${late ? ', and that to begin' : ''}: a reset all the same`, async () => {
        const lingerMs = 200
        const upstream = await rawPeer(undefined, { pauseAt: [0, 1_600_000] })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), { thread, lingerMs }, async (relay) => {
          const downstream = await connect(relay.address)
          pour(downstream.socket)
          await upstream.paused()
          await stalled(relay)
          const [session] = await relay.server.sessions()
          assert(session)
          downstream.reset()
          await quiet(relay)
          relay.server.endSession(session.id, 'close')
          if (late) await pause(2 * lingerMs)
          // Where the kernel has taken all of it by now, it is over by now.
          const open = (await relay.server.sessions()).length > 0
          upstream.resume()
          // It is over as well where it does not read for lingerMs.
          if (open) await Promise.race([upstream.paused(2), relay.close()])
          assert.equal((await relay.close()).reason, 'closedByHandler')
          upstream.resume()
          assert.equal((await upstream.report()).ending, 'ECONNRESET')
        })
      })
    }
  })
}
