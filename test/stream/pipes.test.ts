/**
 * Splicing through pooled pipes: a direction has a pipe while bytes are in it. Each test is named after what has gone wrong elsewhere (section 2.1 of the
 * pitfalls): data lost at a half-close, bytes of one session in another, loops that spin, pipes that ran out. Longer than 250 lines: one of these after another.
 */
import assert from 'node:assert/strict'
import { forward, highWater, listen as from, pipe, tcp, type Ledger, type ServeOptions } from '../../lib/index.ts'
import { compile } from '../../lib/compile.ts'
import { ledgerOf } from '../../lib/ledger.ts'
import { EndHow, loadNative } from '../../lib/native.ts'
import { listenerText, openRelay } from '../../lib/relay.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen, sha256, type Listener, type Peer } from '../support/peers.ts'
import { pour, pouredBytes } from '../support/pour.ts'
import { descriptorsOf, eventually, settled } from '../support/proc.ts'
import { threads, withRelay, type Thread } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { injected, strace, type Strace } from '../support/strace.ts'
import { pause } from '../support/until.ts'

const mebibyte = 1 << 20
const none = { inUse: 0, capacityBytes: 0, bytes: 0 }
const contents = Buffer.alloc(32 * mebibyte)
for (let at = 0; at < contents.length; at += 4) contents.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

/** A relay without the rest of `serve`, for what no handler can do. */
const bare = {
  idOf: (id: number) => id, maxPendingBytes: 16 * mebibyte, maxPipeBytes: 4 * mebibyte, lingerMs: 2_000, transport: 'splice', ioUring: true, sharing: 'none', draining: undefined,
  shard: -1, cpu: -1, first: undefined, debug: true, lookUp: async () => [], onEvents: undefined, sessionEvents: false, onError: assert.ifError,
} as const

const called = (trace: Strace, call: RegExp): number => trace.calls().filter((line) => call.test(line)).length
const pipesOf = ({ pid }: RelayProcess): number => descriptorsOf(pid).filter((name) => name.includes('pipe:')).length

type Stall = { readonly writer: Peer; readonly reader: Peer }

/** A session whose upstream does not read while its downstream writes all there is. */
async function stalled(address: string, listener: Listener): Promise<Stall> {
  const writer = await connect(address)
  const reader = await listener.accept()
  pour(writer.socket)
  await settled(() => pouredBytes([writer.socket]))
  return { writer, reader }
}

/** What the ledger says once it stands still. */
function balanced(ledger: Ledger): Ledger {
  assert.ok(ledger.balanced, JSON.stringify(ledger))
  assert.ok(ledger.pipes.bytes <= ledger.toUpstream.pending + ledger.toDownstream.pending, JSON.stringify(ledger))
  return ledger
}

const started = (listener: Listener, thread: Thread, options: Pick<ServeOptions, 'transport' | 'maxPipeBytes'> = {}): Promise<RelayProcess> =>
  relayProcess(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread, transport: 'splice', ...options })

for (const thread of threads) {
  describe(`pipes, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(destroyPeers)

    it('half-close: no FIN before the pipe is empty, and then at once', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread, transport: 'splice', maxPipeBytes: 4 * mebibyte }, async (relay) => {
        const downstream = await connect(relay.address)
        const upstream = await listener.accept()
        const finished = downstream.end(contents)
        await eventually('a pipe to be in use', () => relay.server.ledger().pipes.inUse === 1)
        await settled(() => relay.server.ledger().toUpstream.received)
        const { pipes, toUpstream } = balanced(relay.server.ledger())
        assert.deepEqual([pipes.inUse, pipes.bytes], [1, toUpstream.pending])
        assert.ok(pipes.bytes > 0 && pipes.bytes <= mebibyte, `${pipes.bytes} bytes in the pipe`)
        upstream.resume()
        const received = await upstream.readAll()
        assert.deepEqual([received.bytes, received.sha256, received.ending], [contents.length, sha256(contents), 'fin'])
        await finished
        await upstream.end()
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    it('a writer that resets: what is in the pipe arrives first', async () => {
      const listener = await listen({ paused: true })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread, transport: 'splice', maxPipeBytes: 4 * mebibyte }, async (relay) => {
        const { writer, reader } = await stalled(relay.address, listener)
        const { received, pending } = balanced(relay.server.ledger()).toUpstream
        assert.ok(pending > 0)
        writer.reset()
        reader.resume()
        assert.equal((await relay.close()).reason, 'resetByDownstream')
        const { toUpstream, pipes } = relay.server.ledger()
        assert.equal(toUpstream.sent, toUpstream.received)
        assert.ok(toUpstream.received >= received)
        assert.deepEqual(pipes, none)
      })
    })

    it('a write error: the pipe is closed, its bytes count as dropped and reach no other session', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread)
      const { reader } = await stalled(relay.address, listener)
      const { pending } = balanced(await relay.ledger()).toUpstream
      assert.ok(pending > 0)
      reader.reset()
      assert.equal((await relay.closes(1))[0]?.reason, 'resetByUpstream')
      const { toUpstream, pipes } = balanced(await relay.ledger())
      assert.deepEqual([toUpstream.dropped, toUpstream.pending, pipes], [pending, 0, none])
      const next = await connect(relay.address)
      const upstream = await listener.accept()
      upstream.resume()
      await next.end('only this')
      assert.equal((await upstream.readAll()).text, 'only this')
    })

    it('a full pipe is not mistaken for an empty socket, nor read into: while its reader stands still the relay does nothing', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread)
      const { writer, reader } = await stalled(relay.address, listener)
      await using trace = await strace(relay.loopThread, ['splice', 'read', 'recvfrom', 'sendto', 'epoll_ctl'])
      await settled(() => pouredBytes([writer.socket]))
      assert.deepEqual([called(trace, /^splice/), called(trace, /^recvfrom/), called(trace, /^epoll_ctl/)], [0, 0, 0])
      const before = reader.bytesRead()
      reader.resume()
      await eventually('it to read on', () => reader.bytesRead() > before + 16 * mebibyte)
    })

    it('a peer that hangs up while bytes for it are in the pipe, and none that reads: no loop', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread)
      const { writer, reader } = await stalled(relay.address, listener)
      writer.reset()
      await using trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait', 'splice'])
      await settled(() => called(trace, /^splice/))
      assert.ok(called(trace, /^splice/) < 10, `${called(trace, /^splice/)} calls`)
      reader.resume()
      assert.equal((await relay.closes(1))[0]?.reason, 'resetByDownstream')
      balanced(await relay.ledger())
    })

    it('what a slow reader refuses is sent from the pipe, and read(2) out of none', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread)
      const { reader } = await stalled(relay.address, listener)
      await using trace = await strace(relay.loopThread, ['splice', 'read', 'sendto', 'sendmsg'])
      for (let round = 1; round <= 20; round++) {
        const before = reader.bytesRead()
        reader.resume()
        await eventually('it to read on', () => reader.bytesRead() > before)
        reader.pause()
      }
      assert.equal(called(trace, /^(sendto|sendmsg|read)\(.* = \d{3,}/), 0, trace.calls().join('\n'))
      assert.ok(called(trace, /^splice/) > 0)
    })

    for (const { error, hurts } of [{ error: 'EAGAIN', hurts: false }, { error: 'EINTR', hurts: false }, { error: 'EPIPE', hurts: true }, { error: 'EIO', hurts: true }] as const) {
      it(`splice of pending bytes fails with ${error}: ${hurts ? 'only its session is hurt' : 'nobody is hurt'}`, async () => {
        const listener = await listen({ paused: true })
        await using relay = await started(listener, thread)
        const { reader } = await stalled(relay.address, listener)
        const other = await connect(relay.address)
        const upstream = await listener.accept()
        const before = balanced(await relay.ledger()).toUpstream
        {
          await using trace = await strace(relay.loopThread, ['splice'], [`splice:error=${error}:when=1`])
          const read = reader.bytesRead()
          reader.resume()
          await eventually('the call', () => injected(trace) === 1)
          if (!hurts) await eventually('the session to go on', () => reader.bytesRead() > read + 16 * mebibyte)
        }
        if (hurts) {
          await eventually('what is in the pipe to be dropped', async () => balanced(await relay.ledger()).toUpstream.dropped === before.pending)
          assert.deepEqual((await relay.ledger()).pipes, none)
        }
        upstream.resume()
        await other.end('still served')
        assert.equal((await upstream.readAll()).text, 'still served')
      })
    }

    it('a read into a pipe is as long as the high-water mark allows, up to the size of the pipe', async () => {
      const listener = await listen()
      for (const [mark, most] of [[65_536, 65_536], [2 * mebibyte, mebibyte]] as const) {
        await using relay = await relayProcess(pipe(from(tcp('127.0.0.1:0')), highWater(mark), forward(tcp(listener.address))), { thread, transport: 'splice' })
        await using trace = await strace(relay.loopThread, ['splice'])
        const client = await connect(relay.address)
        const finished = client.end(contents)
        assert.equal((await (await listener.accept()).readAll()).sha256, sha256(contents))
        await finished
        assert.ok(called(trace, new RegExp(`, ${most}, SPLICE_F_NONBLOCK`)) > 0, trace.calls().slice(0, 10).join('\n'))
      }
    })

    it('no message is held back: SPLICE_F_MORE is never said', async () => {
      const listener = await listen({ onPeer: (peer) => peer.socket.pipe(peer.socket) })
      await using relay = await started(listener, thread)
      const client = await connect(relay.address)
      await using trace = await strace(relay.loopThread, ['splice'])
      for (let i = 0; i < 20; i++) {
        await client.send('a small message')
        assert.equal((await client.read(15)).toString(), 'a small message')
      }
      await eventually('80 calls', () => called(trace, /^splice/) >= 80)
      assert.equal(called(trace, /^splice\(.*SPLICE_F_MORE/), 0)
    })

    it('a budget that is used up: the last pipe is kept by nobody, and all others go on', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread, { maxPipeBytes: 3 * mebibyte })
      const writers = await many(6, () => connect(relay.address))
      const readers = await many(6, () => listener.accept())
      for (const { socket } of writers) pour(socket)
      await eventually('the budget to be used up', async () => (await relay.ledger()).pipes.inUse === 2)
      const written = await settled(() => pouredBytes(writers.map(({ socket }) => socket)))
      const { pipes, toUpstream } = balanced(await relay.ledger())
      assert.deepEqual([pipes.inUse, pipes.capacityBytes], [2, 2 * mebibyte])
      assert.ok(toUpstream.pending > pipes.bytes, 'four of them wait in blocks')
      const client = await connect(relay.address)
      const upstream = await listener.accept()
      upstream.resume()
      {
        await using trace = await strace(relay.loopThread, ['splice', 'recvfrom'])
        const finished = client.end(contents)
        assert.equal((await upstream.readAll()).sha256, sha256(contents))
        await finished
        assert.ok(called(trace, /^splice/) > called(trace, /^recvfrom/))
      }
      for (const reader of readers) reader.resume()
      await eventually('more than was written', () => readers.reduce((sum, reader) => sum + reader.bytesRead(), 0) > written)
    })

    for (const fault of ['pipe2:error=EMFILE', 'pipe2:error=ENFILE', 'fcntl:error=EPERM'] as const) {
      it(`no pipe to be had (${fault}): bytes are copied, and a second later it is tried again`, async () => {
        const listener = await listen({ onPeer: (peer) => void peer.end(contents) })
        await using relay = await started(listener, thread, { transport: 'auto' })
        const before = pipesOf(relay)
        const client = async (): Promise<void> => {
          const peer = await connect(relay.address)
          const received = await peer.readAll()
          assert.deepEqual([received.bytes, received.sha256, received.ending], [contents.length, sha256(contents), 'fin'])
          await peer.end()
        }
        {
          await using trace = await strace(relay.loopThread, ['pipe2', 'fcntl', 'splice'], [fault])
          await client()
          assert.ok(injected(trace) > 0)
          assert.equal(called(trace, /^splice/), 0)
          assert.equal(pipesOf(relay), before)
        }
        await using trace = await strace(relay.loopThread, ['splice'])
        await eventually('it to splice', async () => {
          await client()
          return called(trace, /^splice/) > 0
        })
        balanced(await relay.ledger())
      })
    }

    it('maxPipeBytes 0: no pipe, no splice', async () => {
      const listener = await listen()
      await using relay = await started(listener, thread, { maxPipeBytes: 0 })
      await using trace = await strace(relay.loopThread, ['pipe2', 'splice'])
      const client = await connect(relay.address)
      const finished = client.end(contents)
      assert.equal((await (await listener.accept()).readAll()).sha256, sha256(contents))
      await finished
      assert.equal(called(trace, /^(pipe2|splice)/), 0)
    })

    it('pipes that nobody needs are closed, and a relay that has none sleeps', async () => {
      const listener = await listen({ paused: true })
      await using relay = await started(listener, thread)
      const before = pipesOf(relay)
      const stalls = await many(5, () => connect(relay.address))
      const readers = await many(5, () => listener.accept())
      for (const { socket } of stalls) pour(socket)
      await eventually('all to have one', async () => balanced(await relay.ledger()).pipes.inUse === 5)
      assert.ok(pipesOf(relay) >= before + 10)
      for (const reader of readers) reader.reset()
      await relay.closes(5)
      await eventually('pipes to be closed', () => pipesOf(relay) === before)
      await eventually('it to sleep', async () => {
        await using trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait'])
        await pause(1_000)
        return trace.calls().length < 5
      }, 10_000)
    })
  })
}

describe('pipes, and a reply of JS', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  for (const fault of [[], ['splice:error=EINVAL']] as const) {
    it(`what comes by another way queues behind what is in the pipe${fault.length > 0 ? ', also where the kernel takes nothing out of it any more' : ''}`, async () => {
      const listener = await listen({ onPeer: (peer) => void peer.end(contents).catch(() => undefined) })
      const relay = openRelay({ ...bare, native: loadNative(), ownThread: false, plans: [{ pipeline: 0, compiled: compile(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address)))) }] })
      relay.native.start()
      const ledger = (): Ledger => balanced(ledgerOf([relay.counters()]))
      const client = await connect(listenerText(relay.addresses[0] ?? assert.fail()), { paused: true })
      await settled(() => ledger().toDownstream.received)
      assert.ok(ledger().pipes.bytes > 0)
      const [session] = await relay.sessions()
      await using _trace = await strace(process.pid, ['splice'], fault)
      relay.native.endSession(session?.native.id ?? assert.fail(), EndHow.rejected, Buffer.from('bye'))
      const received = client.readAll()
      client.resume()
      const { bytes, sha256: hash, ending } = await received
      assert.deepEqual([hash, ending], [sha256(contents.subarray(0, bytes - 3), Buffer.from('bye')), 'fin'])
      await client.end()
      await eventually('the session to end', () => ledger().sessions.open === 0)
      relay.native.close(0)
      await relay.closed
    })
  }
})
