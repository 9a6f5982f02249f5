/** `stun-networks-case.ts RATE ADDRESS…`: bursts of questions from all addresses at once; prints as JSON how many of each were answered. */
import { listen, pipe, stun, udp } from '../../lib/index.ts'
import { countsOf, ledgerSays } from './datagram-ledger.ts'
import { withRelay } from './relay.ts'
import { request } from './stun.ts'
import { udpPeer, type UdpPeer } from './udp-peers.ts'
import { until } from './until.ts'

const [, , rate = '1', ...hosts] = process.argv
const count = 5
// Embedded: while this thread sends, the relay reads nothing, and the clock of its budgets stands still.
await withRelay(pipe(listen(udp('[::]:0')), stun({ ratePerAddress: Number(rate) })), { thread: 'embedded' }, async (relay) => {
  const { port } = new URL(`udp://${relay.address}`)
  const peers: UdpPeer[] = []
  for (const host of hosts) peers.push(await udpPeer(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, { host }))
  const received = hosts.length * count
  await Promise.all(peers.map((peer) => peer.burst(Array.from({ length: count }, () => request()))))
  await until(() => countsOf(relay.server.ledger(), 'toUpstream').received === received, 'all to be received')
  const { consumed } = countsOf(relay.server.ledger(), 'toUpstream')
  await until(() => peers.reduce((sum, peer) => sum + peer.count(), 0) === consumed, 'the answers')
  await ledgerSays(relay.server, 'toUpstream', { received, consumed, dropped: { policy: received - consumed } })
  console.log(JSON.stringify(peers.map((peer) => peer.count())))
})
