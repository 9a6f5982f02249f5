/**
 * `sources-case.ts THREAD stream|datagram PORTS`: in a namespace where a source address has that many ports, a relay with three of them is filled, and then
 * one more comes. Clients, listener and upstream have ports of their own, which are none of those. Prints what was found as JSON.
 */
import { forward, listen as from, pipe, tcp, udp } from '../../lib/index.ts'
import { droppedFor } from './datagram-ledger.ts'
import { connect, listen, type Peer } from './peers.ts'
import { withRelay, type Thread } from './relay.ts'
import { hostOf, udpPeer } from './udp-peers.ts'

const [, , asked, kind, ports = '10'] = process.argv
const thread: Thread = asked === 'own' ? 'own' : 'embedded'
const sourceAddress = ['127.0.0.2', '127.0.0.3', '127.0.0.4']
const count = sourceAddress.length * Number(ports)
const [relayPort, upstreamPort, firstClient] = [20_000, 20_001, 21_000]

/** How many came from each. */
function tally(hosts: readonly (string | undefined)[]): Readonly<Record<string, number>> {
  return Object.fromEntries(sourceAddress.map((source) => [source, hosts.filter((host) => host === source).length]))
}

async function streams(): Promise<unknown> {
  const listener = await listen({ port: upstreamPort })
  let found: unknown
  await withRelay(pipe(from(tcp(`127.0.0.1:${relayPort}`)), forward(tcp(listener.address), { sourceAddress, retries: 0 })), { thread }, async (relay) => {
    const join = async (i: number) => await connect(relay.address, { localPort: firstClient + i })
    const upstreams: Peer[] = []
    for (let i = 0; i < count; i++) {
      await join(i)
      upstreams.push(await listener.accept())
    }
    const hosts = upstreams.map(({ socket }) => socket.remoteAddress)
    const { open } = (await relay.opens(count), relay.server.ledger().sessions)
    await (await join(count)).readAll()
    const { reason, error } = await relay.close()
    // One that ends gives its port back, whosever turn it is. A reset leaves nothing in TIME_WAIT.
    upstreams[1]?.reset()
    await relay.closes(2)
    await join(count + 1)
    const after = (await listener.accept()).socket.remoteAddress
    found = { open, first: hosts.slice(0, 4), from: tally(hosts), refused: { reason, error }, after }
  })
  return found
}

async function datagrams(): Promise<unknown> {
  const upstream = await udpPeer(undefined, { port: upstreamPort, answer: (bytes) => (bytes.toString().endsWith('?') ? 'yes' : undefined) })
  let found: unknown
  await withRelay(pipe(from(udp(`127.0.0.1:${relayPort}`)), forward(udp(upstream.address), { sourceAddress })), { thread }, async (relay) => {
    const hosts: string[] = []
    for (let i = 0; i < count; i++) {
      const peer = await udpPeer(relay.address, { port: firstClient + i })
      // The first is not answered, so it is who gives way.
      if (i === 0) await peer.send('nothing')
      else await peer.ask('there?')
      hosts.push(hostOf((await upstream.receive()).from))
    }
    await relay.opens(count)
    const { open } = relay.server.ledger().sessions
    const [late, later] = [await udpPeer(relay.address, { port: firstClient + count }), await udpPeer(relay.address, { port: firstClient + count + 1 })]
    await late.ask('room?')
    const after = hostOf((await upstream.receive()).from)
    const { reason, downstream } = await relay.close()
    await later.send('room?')
    const full = await droppedFor('tableFull', relay.server, 'toUpstream')
    const notice = relay.events.find((event) => event.type === 'notice' && event.code === 'tableFull')
    const error = notice?.type === 'notice' && 'error' in notice ? notice.error : undefined
    found = { open, first: hosts.slice(0, 4), from: tally(hosts), gaveWay: { reason, first: downstream === `127.0.0.1:${firstClient}` }, after, full, error }
  })
  return found
}

console.log(JSON.stringify(kind === 'stream' ? await streams() : await datagrams()))
