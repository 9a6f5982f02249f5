/** What the kernel's hash gives to each of two shards; and that two lose nothing. */
import assert from 'node:assert/strict'
import { echo, forward, listen, pipe, tcp, udp, type Account, type Server } from '../../lib/index.ts'
import { many } from '../support/many.ts'
import { connect } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'

const [flows, connections, atOnce] = [1_000, 10_000, 250]

/** With a fair coin less than one run in 10^9 is outside. */
function checkShares(server: Server, of: (account: Account) => number, whole: number, what: string): void {
  const shares = server.ledger().shards.map(of)
  console.log(`      ${what}: ${shares.join(' + ')}`)
  assert.equal(shares.reduce((sum, share) => sum + share, 0), whole)
  for (const share of shares) assert.ok(Math.abs(share - whole / 2) <= 3.2 * Math.sqrt(whole), `${share} of ${whole}`)
}

describe('two shards', function () {
  this.timeout(120_000)

  it(`share ${flows} flows, and answer each`, async () => {
    await withRelay([pipe(listen(udp('127.0.0.1:0')), echo())], { shards: 2 }, async ({ address, server }) => {
      const peers = await Promise.all(Array.from({ length: flows }, () => udpPeer(address)))
      for (let done = 0; done < flows; done += atOnce) {
        await Promise.all(peers.slice(done, done + atOnce).map(async (peer, i) => {
          for (let round = 0; round < 3; round++) assert.equal(await peer.ask(`${done + i} ${round}`), `${done + i} ${round}`)
        }))
      }
      checkShares(server, ({ sessions }) => sessions.accepted, flows, `${flows} flows`)
      // Who has been answered may know before the ledger does.
      await until(() => server.ledger().datagrams.toDownstream.sent === 3 * flows, 'the books to say so')
      assert.equal(server.ledger().datagrams.toUpstream.received, 3 * flows)
    })
  })

  it(`share ${connections} connections through a forward, and lose none`, async () => {
    const pipelines = (upstream: string) => [pipe(listen(tcp('127.0.0.1:0')), forward(tcp(upstream)))]
    await withRelay([pipe(listen(tcp('127.0.0.1:0')), echo())], {}, async ({ address: upstream }) => {
      await withRelay(pipelines(upstream), { shards: 2 }, async ({ address, server }) => {
        for (let done = 0; done < connections; done += atOnce) {
          const peers = await many(atOnce, () => connect(address))
          await Promise.all(peers.map(async (peer, i) => {
            await peer.send(`${done + i}.`)
            await peer.end()
            const { text, ending } = await peer.readAll()
            assert.deepEqual([text, ending], [`${done + i}.`, 'fin'])
          }))
        }
        checkShares(server, ({ sessions }) => sessions.accepted, connections, `${connections} connections`)
      })
    })
  })
})
