/** What is one server for its user, however many loops it has: limits, sessions, events, names, closing. */
import assert from 'node:assert/strict'
import { echo, forward, limit, listen, pipe, serve, tcp, udp, type Resolver } from '../../lib/index.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen as upstreams } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const [shards, crowd] = [3, 60]

describe('shards are one server', () => {
  afterEach(destroyPeers)
  afterEach(closeUdpPeers)

  it('limit counts over all of them', async () => {
    const upstream = await upstreams({ onPeer: (peer) => void peer.socket.pipe(peer.socket) })
    const limited = pipe(listen(tcp('127.0.0.1:0')), limit({ maxSessions: 20 }), forward(tcp(upstream.address)))
    await withRelay([limited], { shards }, async ({ address, server }) => {
      const peers = await many(crowd, () => connect(address))
      const answered = await Promise.all(peers.map(async (peer) => {
        peer.socket.write('x')
        return peer.read(1).then(() => 1, () => 0)
      }))
      assert.equal(answered.reduce((sum: number, one) => sum + one, 0), 20)
      assert.deepEqual(server.ledger().reasons.limited, crowd - 20)
      assert.ok(server.ledger().shards.filter(({ sessions }) => sessions.accepted > 0).length > 1, 'in more than one shard')
      for (const peer of peers) peer.destroy()
      await until(() => server.ledger().sessions.open === 0, 'places to be free again')
      const again = await connect(address)
      await again.send('y')
      assert.equal(String(await again.read(1)), 'y')
    })
  })

  it('limit counts flows over all of them', async () => {
    const limited = pipe(listen(udp('127.0.0.1:0')), limit({ maxSessions: 20 }), echo())
    await withRelay([limited], { shards }, async ({ address, server }) => {
      const peers = await Promise.all(Array.from({ length: crowd }, () => udpPeer(address)))
      for (const peer of peers) await peer.send('x')
      await until(() => server.ledger().datagrams.toUpstream.received === crowd, 'all to be received')
      await until(() => peers.reduce((sum, peer) => sum + peer.count(), 0) === 20, 'those let in to be answered')
      assert.equal(server.ledger().datagrams.toUpstream.dropped.policy.datagrams, crowd - 20)
    })
  })

  it('sessions are listed, told of and ended by ids that no two have', async () => {
    await withRelay([pipe(listen(tcp('127.0.0.1:0')), echo()), pipe(listen(udp('127.0.0.1:0')), echo())], { shards }, async ({ addressOf, server, opens, closes }) => {
      const peers = await many(crowd, () => connect(addressOf(0)))
      for (const peer of peers) {
        await peer.send('x')
        await peer.read(1)
      }
      const flows = await Promise.all(Array.from({ length: crowd }, () => udpPeer(addressOf(1))))
      for (const flow of flows) assert.equal(await flow.ask('y'), 'y')
      const [listed, opened] = [await server.sessions(), await opens(2 * crowd)]
      assert.equal(new Set(listed.map(({ id }) => id)).size, 2 * crowd)
      assert.deepEqual(new Set(listed.map(({ id }) => id)), new Set(opened.map(({ session }) => session)))
      assert.deepEqual(new Set(listed.filter(({ kind }) => kind === 'datagram').map(({ downstream }) => downstream)), new Set(flows.map(({ address }) => address)))
      const ended = listed.filter((_, i) => i % 2 === 0)
      for (const { id } of ended) server.endSession(id)
      const told = await closes(crowd)
      assert.deepEqual(new Set(told.map(({ session }) => session)), new Set(ended.map(({ id }) => id)))
      assert.deepEqual(new Set(told.map(({ reason }) => reason)), new Set(['closedByHandler']))
      assert.deepEqual(new Set((await server.sessions()).map(({ id }) => id)), new Set(listed.filter((_, i) => i % 2 === 1).map(({ id }) => id)))
    })
  })

  it('ids are those of one session each, and end it, with as many shards as there can be', async () => {
    await withRelay([pipe(listen(udp('127.0.0.1:0')), echo())], { shards: 128 }, async ({ address, server, closes }) => {
      const flows = await Promise.all(Array.from({ length: crowd }, () => udpPeer(address)))
      for (const flow of flows) assert.equal(await flow.ask('y'), 'y')
      const ids = (await server.sessions()).map(({ id }) => id)
      assert.equal(new Set(ids).size, crowd)
      assert.ok(ids.every((id) => Number.isSafeInteger(id)))
      for (const id of ids) server.endSession(id)
      assert.deepEqual(new Set((await closes(crowd)).map(({ session }) => session)), new Set(ids))
    })
  })

  it('flows that go on stay with their shard while others have drained', async () => {
    await using server = await serve(pipe(listen(udp('127.0.0.1:0')), echo()), { shards: 8 })
    const flows = await Promise.all(Array.from({ length: 4 }, () => udpPeer(server.addresses[0]?.text)))
    for (const flow of flows) assert.equal(await flow.ask('before'), 'before')
    const closed = server.close({ drainMs: 20_000 })
    const began = performance.now()
    while (performance.now() - began < 1_000) {
      for (const flow of flows) assert.equal(await flow.ask('during'), 'during')
    }
    await closed
    const { sessions, datagrams } = server.ledger()
    assert.deepEqual([sessions.open, datagrams.toUpstream.dropped.noFlow.datagrams], [0, 0])
  })

  it('a start under traffic begins one flow for each peer', async () => {
    const port = await unusedPort()
    const peers = await Promise.all(Array.from({ length: 40 }, () => udpPeer(`127.0.0.1:${port}`)))
    let sending = true
    const sent = Promise.all(peers.map(async (peer) => {
      while (sending) {
        await peer.send('x')
        await new Promise((resume) => setImmediate(resume))
      }
    }))
    await withRelay([pipe(listen(udp(`127.0.0.1:${port}`)), echo())], { shards: 16 }, async ({ server }) => {
      await until(() => peers.every((peer) => peer.count() > 20), 'all to be answered')
      sending = false
      await sent
      assert.equal(server.ledger().sessions.accepted, peers.length)
      assert.equal(server.ledger().datagrams.toUpstream.dropped.kernelOverflow.datagrams, 0, 'what came before nobody served is not told of as lost')
    })
  })

  it('a name that resolves later is told to all of them', async () => {
    const upstream = await upstreams({ onPeer: (peer) => void peer.socket.pipe(peer.socket) })
    let resolved: () => void = () => undefined
    const later = new Promise<void>((resume) => { resolved = resume })
    const resolver: Resolver = async () => {
      await later
      return [{ address: '127.0.0.1', ttl: 60 }]
    }
    await withRelay([pipe(listen(tcp('127.0.0.1:0')), forward(tcp(`upstream.test:${upstream.port}`)))], { shards, resolver }, async ({ address, server }) => {
      const peers = await many(crowd, () => connect(address))
      await until(() => server.ledger().sessions.open === crowd, 'all to wait for the name')
      resolved()
      for (const peer of peers) {
        await peer.send('x')
        assert.equal(String(await peer.read(1)), 'x')
      }
    })
  })

  it('close drains each, and ends each in time', async () => {
    for (const drainMs of [10_000, 0]) {
      await using server = await serve(pipe(listen(tcp('127.0.0.1:0')), echo()), { shards })
      const peers = await many(crowd, () => connect(server.addresses[0]?.text ?? ''))
      await until(() => server.ledger().sessions.open === crowd, 'all to be accepted')
      assert.ok(server.ledger().shards.every(({ sessions }) => sessions.open > 0), 'each has some')
      const closed = server.close({ drainMs })
      if (drainMs > 0) for (const peer of peers) await peer.end('last words')
      const read = await Promise.all(peers.map((peer) => peer.readAll()))
      if (drainMs > 0) assert.deepEqual(new Set(read.map(({ text, ending }) => `${text} ${ending}`)), new Set(['last words fin']))
      await closed
      const { sessions, reasons, balanced } = server.ledger()
      assert.deepEqual([sessions.open, sessions.closed, balanced], [0, crowd, true])
      assert.equal(drainMs > 0 ? reasons.finished : reasons.serverClosed, crowd)
    }
  })
})
