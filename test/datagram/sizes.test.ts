/** Pitfall 16: whatever fits into a datagram goes through whole, both ways, on both families. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { forward, listen as from, pipe, udp } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { threads, withRelay } from '../support/relay.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'
import { udpEcho, udpPeer } from '../support/udp-peers.ts'

const sizes = [0, 1, 1472, 1473, 9000, 65_507]
const hosts = [['IPv4', '127.0.0.1'], ['IPv6', '::1']] as const
const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host)

for (const thread of threads) {
  for (const [family, host] of hosts) {
    describe(`sizes over ${family}, ${thread} thread`, () => {
      for (const size of sizes) {
        it(`${size} bytes arrive as they were sent, and come back as they were answered`, async () => {
          const upstream = await udpPeer(undefined, { host })
          await withRelay(pipe(from(udp(`${bracketed(host)}:0`)), forward(udp(upstream.address))), { thread }, async (relay) => {
            const downstream = await udpPeer(relay.address, { host })
            for (let i = 0; i < 3; i++) {
              const [there, back] = [randomBytes(size), randomBytes(size)]
              await downstream.send(there)
              const arrived = await upstream.receive()
              assert.deepEqual(arrived.bytes, there)
              await upstream.send(back, arrived.from)
              const answered = await downstream.receive()
              assert.deepEqual(answered.bytes, back)
              assert.equal(answered.from, relay.address)
            }
            for (const direction of ['toUpstream', 'toDownstream'] as const) {
              await ledgerSays(relay.server, direction, { received: 3, sent: 3 })
              assert.equal(relay.server.ledger()[direction].sent, 3 * size)
            }
          })
        })
      }

      for (const size of [24, 1472, 1473, 9000]) {
        it(`${size} bytes from a sender that hands the kernel many at once arrive one by one, in order, none twice`, async () => {
          await using echo = await loadEcho(`${bracketed(host)}:0`, { gro: 1 })
          await withRelay(pipe(from(udp(`${bracketed(host)}:0`)), forward(udp(echo.address))), { thread }, async (relay) => {
            const report = await verify(relay.address, { count: 500, size, window: Math.min(32, Math.floor(65_000 / size)), gso: 1 })
            assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
            for (const direction of ['toUpstream', 'toDownstream'] as const) await ledgerSays(relay.server, direction, { received: 500, sent: 500 })
          })
        })
      }
    })
  }

  describe(`a dual-stack datagram listener, ${thread} thread`, () => {
    it('shows an IPv4 peer as IPv4, never as ::ffff:, and answers each in its own family', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('[::]:0'), { dualStack: true }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const port = relay.address.split(':').at(-1) ?? ''
        for (const [i, host] of ['127.0.0.1', '::1'].entries()) {
          const downstream = await udpPeer(`${bracketed(host)}:${port}`, { host })
          await downstream.send('who am I?')
          assert.equal((await downstream.receive()).from, `${bracketed(host)}:${port}`)
          const opens = await relay.opens(i + 1)
          assert.equal(opens[i]?.downstream, downstream.address)
          assert.ok((await relay.server.sessions()).some((session) => session.downstream === downstream.address && session.kind === 'datagram'))
        }
      })
    })

    it('with dualStack: false takes IPv6 alone', async () => {
      const upstream = await udpEcho()
      await withRelay(pipe(from(udp('[::]:0'), { dualStack: false }), forward(udp(upstream.address))), { thread }, async (relay) => {
        const port = relay.address.split(':').at(-1) ?? ''
        const [four, six] = [await udpPeer(`127.0.0.1:${port}`), await udpPeer(`[::1]:${port}`)]
        await four.send('nobody is here')
        assert.equal(await six.ask('somebody is'), 'somebody is')
        await ledgerSays(relay.server, 'toUpstream', { received: 1, sent: 1 })
      })
    })
  })
}
