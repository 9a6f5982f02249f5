/** `stun-networks-case.ts RATE ADDRESS…`: a burst of questions from each address in turn; prints as JSON how many of each were answered. */
import { listen, pipe, stun, udp } from '../../lib/index.ts'
import { countsOf, ledgerSays } from './datagram-ledger.ts'
import { withRelay } from './relay.ts'
import { request } from './stun.ts'
import { udpPeer } from './udp-peers.ts'

const [, , rate = '1', ...hosts] = process.argv
const count = 5
await withRelay(pipe(listen(udp('[::]:0')), stun({ ratePerAddress: Number(rate) })), {}, async (relay) => {
  const { port } = new URL(`udp://${relay.address}`)
  const answered: number[] = []
  let before = 0
  for (const [i, host] of hosts.entries()) {
    const peer = await udpPeer(host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, { host })
    await peer.burst(Array.from({ length: count }, () => request()))
    while (countsOf(relay.server.ledger(), 'toUpstream').received < (i + 1) * count) await new Promise(setImmediate)
    const { consumed } = countsOf(relay.server.ledger(), 'toUpstream')
    answered.push(consumed - before)
    before = consumed
  }
  await ledgerSays(relay.server, 'toUpstream', { received: hosts.length * count, consumed: before, dropped: { policy: hosts.length * count - before } })
  console.log(JSON.stringify(answered))
})
