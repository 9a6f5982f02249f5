/** Copy or splice: the same bytes, the same ends, the same counts; and each where it pays. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, throttle, unix } from '../../lib/index.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen, sha256, type Peer } from '../support/peers.ts'
import { pour, pouredBytes } from '../support/pour.ts'
import { socketsOf, eventually, settled } from '../support/proc.ts'
import { temporaryFolder } from '../support/programs.ts'
import { rawPeer } from '../support/raw-peer.ts'
import { threads, withRelay } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { injected, strace, type Strace } from '../support/strace.ts'

const transports = ['auto', 'copy', 'splice'] as const
const bytes = 64 << 20
const contents = Buffer.alloc(bytes)
for (let at = 0; at < bytes; at += 4) contents.writeUInt32LE((at * 2_246_822_519) % 2 ** 32, at)
const expected = { bytes, sha256: sha256(contents), ending: 'fin' }

const source = () => from(tcp('127.0.0.1:0'))
const called = (trace: Strace, name: string): number => trace.calls().filter((line) => line.startsWith(`${name}(`)).length

async function bothWays(downstream: Peer, upstream: Peer): Promise<void> {
  await Promise.all([[downstream, upstream], [upstream, downstream]].map(async ([writer, reader]) => {
    assert(writer && reader)
    const finished = writer.end(contents)
    const { ending, ...received } = await reader.readAll()
    await finished
    assert.deepEqual({ bytes: received.bytes, sha256: received.sha256, ending }, expected)
  }))
}

for (const thread of threads) {
  describe(`transport, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(destroyPeers)

    for (const transport of transports) {
      it(`${transport}: 64 MiB arrive both ways at once, counted to the byte`, async () => {
        const listener = await listen()
        await withRelay(pipe(source(), forward(tcp(listener.address))), { thread, transport }, async (relay) => {
          await bothWays(await connect(relay.address), await listener.accept())
          assert.equal((await relay.close()).reason, 'finished')
          const { toUpstream, toDownstream } = relay.server.ledger()
          for (const counts of [toUpstream, toDownstream]) assert.deepEqual([counts.received, counts.sent, counts.dropped], [bytes, bytes, 0])
        })
      })

      it(`${transport}: what a reader has refused stays under the mark, and comes when it reads again`, async () => {
        const listener = await listen({ paused: true })
        await withRelay(pipe(source(), forward(tcp(listener.address))), { thread, transport }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          for (let round = 0; round < 2; round++) {
            pour(downstream.socket)
            await settled(() => pouredBytes([downstream.socket]))
            const { pending } = relay.server.ledger().toUpstream
            assert.ok(pending <= (transport === 'copy' ? 262_144 : 1_048_576), `${pending} bytes`)
            const before = upstream.bytesRead()
            upstream.resume()
            await eventually('it to read on', () => upstream.bytesRead() > before + (8 << 20))
            upstream.pause()
          }
          downstream.reset()
          // How it ends for the upstream is reset.test.ts's: node:net takes bytes and a reset for bytes and a FIN now and then.
          upstream.resume()
          assert.equal((await relay.close()).reason, 'resetByDownstream')
        })
      })

      it(`${transport}: a reader that resets in the middle of bulk: the rest is counted as dropped`, async () => {
        const listener = await listen()
        await withRelay(pipe(source(), forward(tcp(listener.address))), { thread, transport }, async (relay) => {
          const clients = await many(20, () => connect(relay.address))
          for (const client of clients) pour(client.socket)
          for (const _ of clients) {
            const upstream = await listener.accept()
            await eventually('bytes to flow', () => upstream.bytesRead() > 1 << 20)
            upstream.reset()
          }
          const closes = await relay.closes(clients.length)
          assert.ok(closes.every(({ reason }) => reason === 'resetByUpstream'), JSON.stringify(relay.server.ledger().reasons))
        })
      })

      it(`${transport}: a throttle takes every byte`, async () => {
        const listener = await listen()
        const pipeline = pipe(source(), throttle({ bytesPerSecond: 20_000_000, burstBytes: 1_000_000 }), forward(tcp(listener.address)))
        await withRelay(pipeline, { thread, transport }, async (relay) => {
          const downstream = await connect(relay.address)
          const upstream = await listener.accept()
          const began = performance.now()
          const finished = downstream.end(contents.subarray(0, 11_000_000))
          assert.equal((await upstream.readAll()).sha256, sha256(contents.subarray(0, 11_000_000)))
          await finished
          assert.ok(performance.now() - began >= 450, 'ten megabytes beyond the burst take half a second')
          await upstream.end()
          assert.equal((await relay.close()).reason, 'finished')
        })
      })

      it(`${transport}: between Unix sockets`, async () => {
        using folder = temporaryFolder()
        const listener = await listen({ path: `${folder.path}/up.sock` })
        await withRelay(pipe(from(unix(`${folder.path}/down.sock`)), forward(unix(`${folder.path}/up.sock`))), { thread, transport }, async (relay) => {
          await bothWays(await connect(relay.address), await listener.accept())
          assert.equal((await relay.close()).reason, 'finished')
        })
      })
    }

    for (const transport of ['copy', 'splice'] as const) {
      it(`${transport}: an urgent byte is passed over, and all bytes around it arrive`, async () => {
        const listener = await listen()
        await withRelay(pipe(source(), forward(tcp(listener.address))), { thread, transport }, async (relay) => {
          const downstream = await rawPeer(relay.address, { urgent: true, send: 1_000_006, fin: true })
          const upstream = await listener.accept()
          const received = await upstream.readAll()
          assert.deepEqual([received.bytes, received.sha256], [1_000_006, sha256(Buffer.from('abcdef'), Buffer.alloc(1_000_000))])
          await upstream.end()
          await downstream.report()
          assert.equal((await relay.close()).reason, 'finished')
        })
      })
    }

    it('splice: bytes that cannot be had out of the pipe again end their session and reach no other', async () => {
      const listener = await listen({ paused: true })
      // With one pipe nobody keeps it: what is refused is read out of it at once.
      await using relay = await relayProcess(pipe(source(), forward(tcp(listener.address))), { thread: 'own', transport: 'splice', maxPipeBytes: 1 << 20 })
      await using trace = await strace(relay.loopThread, ['read'], ['read:error=EIO:when=1'])
      const first = await connect(relay.address)
      await listener.accept()
      pour(first.socket)
      const [event] = await relay.closes(1)
      assert.equal(event?.reason, 'ioError')
      assert.equal(injected(trace), 1)
      const second = await connect(relay.address)
      const upstream = await listener.accept()
      await second.end('hello')
      upstream.resume()
      assert.equal((await upstream.readAll()).text, 'hello')
      assert.equal((await relay.ledger()).balanced, true)
    })

    for (const error of ['ENOSYS', 'EPERM'] as const) {
      it(`auto: a sandbox that answers splice with ${error} hurts nobody`, async () => {
        const listener = await listen({ onPeer: (peer) => void peer.end(contents) })
        await using relay = await relayProcess(pipe(source(), forward(tcp(listener.address))), { thread })
        await using trace = await strace(relay.loopThread, ['splice'], [`splice:error=${error}`])
        const client = await connect(relay.address)
        const received = await client.readAll()
        assert.deepEqual({ bytes: received.bytes, sha256: received.sha256, ending: received.ending }, expected)
        assert.ok(injected(trace) > 0)
        await client.end()
        assert.equal((await relay.closes(1))[0]?.reason, 'finished')
      })
    }

    it('auto: splices bulk, copies small messages, and copies again when bulk is over', async () => {
      const listener = await listen()
      await using relay = await relayProcess(pipe(source(), forward(tcp(listener.address))), { thread })
      const downstream = await connect(relay.address, { paused: true })
      const upstream = await listener.accept()
      const talk = async (): Promise<void> => {
        await upstream.send('a small message')
        const before = downstream.bytesRead()
        downstream.resume()
        await eventually('it to arrive', () => downstream.bytesRead() > before)
        downstream.pause()
      }
      {
        await using trace = await strace(relay.loopThread, ['splice', 'recvfrom'])
        for (let i = 0; i < 20; i++) await talk()
        assert.equal(called(trace, 'splice'), 0)
        assert.ok(called(trace, 'recvfrom') >= 20)
      }
      {
        await using trace = await strace(relay.loopThread, ['splice', 'recvfrom'])
        const before = downstream.bytesRead()
        downstream.resume()
        for (let i = 0; i < 4; i++) await upstream.send(contents)
        assert.ok(called(trace, 'splice') > called(trace, 'recvfrom'), `${called(trace, 'splice')} splices, ${called(trace, 'recvfrom')} reads`)
        await eventually('all of it', () => downstream.bytesRead() === before + 4 * bytes)
        downstream.pause()
      }
      for (let i = 0; i < 3; i++) await talk()
      await using trace = await strace(relay.loopThread, ['splice', 'recvfrom'])
      for (let i = 0; i < 20; i++) await talk()
      assert.equal(called(trace, 'splice'), 0)
    })

    it('a kernel that stops splicing in the middle: the rest is copied', async () => {
      const listener = await listen({ onPeer: (peer) => void peer.end(contents) })
      for (const transport of ['auto', 'splice'] as const) {
        await using relay = await relayProcess(pipe(source(), forward(tcp(listener.address))), { thread, transport })
        // The fourth splice takes bytes out of the pipe again, so some are in it.
        await using trace = await strace(relay.loopThread, ['splice'], ['splice:error=EINVAL:when=4+1'])
        const client = await connect(relay.address)
        const received = await client.readAll()
        assert.deepEqual({ bytes: received.bytes, sha256: received.sha256, ending: received.ending }, expected)
        if (transport === 'splice') assert.ok(injected(trace) > 0)
        await client.end()
        assert.equal((await relay.closes(1))[0]?.reason, 'finished')
      }
    })

    for (const { error, when, reason } of [
      { error: 'EAGAIN', when: 1, reason: undefined }, { error: 'EAGAIN', when: 2, reason: undefined },
      { error: 'EINTR', when: 1, reason: undefined }, { error: 'EINTR', when: 2, reason: undefined },
      { error: 'ECONNRESET', when: 1, reason: 'resetByUpstream' }, { error: 'EIO', when: 1, reason: 'ioError' },
    ] as const) {
      it(`splice number ${when} fails with ${error}: ${reason === undefined ? 'nobody is hurt' : 'only its session is'}`, async () => {
        const listener = await listen({ onPeer: (peer) => peer.socket.pipe(peer.socket) })
        await using relay = await relayProcess(pipe(source(), forward(tcp(listener.address))), { thread, transport: 'splice' })
        const before = socketsOf(relay.pid).length
        const [first, second] = await many(2, () => connect(relay.address, { paused: true }))
        assert(first && second)
        await using trace = await strace(relay.loopThread, ['splice'], [`splice:error=${error}:when=${when}`])
        for (const peer of [first, second]) {
          await peer.send('who is there')
          peer.resume()
          if (peer === second || reason === undefined) await eventually('an echo', () => peer.bytesRead() === 12)
        }
        assert.equal(injected(trace), 1)
        if (reason !== undefined) assert.ok((await relay.closes(1)).length === 1)
        await destroyPeers()
        await eventually('sockets to be closed', () => socketsOf(relay.pid).length <= before)
      })
    }
  })
}
