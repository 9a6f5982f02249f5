/** Sessions that wait for a member of a set to have room. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp, tcpCheck, unix, upstreams } from '../../lib/index.ts'
import type { StreamUpstreamsOptions } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import type { Listener } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { eventually } from '../support/proc.ts'
import { temporaryFolder } from '../support/programs.ts'
import { within } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const oneAtATime = ({ address }: Listener, options: StreamUpstreamsOptions) => pipe(from(tcp('127.0.0.1:0')), forward(upstreams([tcp(address)], { maxSessions: 1, ...options })))

/** Until so many sessions are in the queue. */
const queued = (relay: TestRelay, count: number): Promise<void> =>
  eventually(`${count} sessions wait`, async () => (await relay.server.sessions()).filter(({ state }) => state === 'queued').length === count)

for (const thread of threads) {
  describe(`the queue of a set, ${thread} thread`, () => {
    it('serves in order, each as soon as there is room, and loses nothing that was sent meanwhile', async () => {
      const upstream = await listen()
      await withRelay(oneAtATime(upstream, { queue: { maxSessions: 3, timeoutMs: 60_000 } }), { thread }, async (relay) => {
        const first = await connect(relay.address)
        const atFirst = await upstream.accept()
        for (const name of ['second', 'third', 'fourth']) {
          const peer = await connect(relay.address)
          await peer.end(name)
          await queued(relay, ['second', 'third', 'fourth'].indexOf(name) + 1)
        }
        assert.equal((await relay.server.upstreams())[0]?.queued, 3)
        assert.equal(upstream.count(), 1)
        await first.end()
        await atFirst.end()
        for (const name of ['second', 'third', 'fourth']) {
          const peer = await upstream.accept()
          assert.equal((await peer.readAll()).text, name)
          await peer.end()
        }
        for (const { reason } of await relay.closes(4)) assert.equal(reason, 'finished')
      })
    })

    for (const maxSessions of [10, 1]) {
      it(`who has tried the only member with room keeps nobody else from it, ${maxSessions === 1 ? 'with' : 'without'} the queue full of such`, async () => {
        const [port, backup] = [await unusedPort(), await listen()]
        const set = upstreams([tcp(`127.0.0.1:${port}`), { to: tcp(backup.address), backup: true }], { maxSessions: 1, ejection: false, queue: { maxSessions, timeoutMs: 60_000 } })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
          await connect(relay.address)
          await backup.accept()
          const tried = await connect(relay.address) // has been refused by the first, finds the backup full
          await queued(relay, 1)
          const first = await listen({ port })
          const next = await connect(relay.address)
          await next.end('for the first')
          const peer = await first.accept()
          assert.equal((await peer.readAll()).text, 'for the first')
          await peer.end()
          assert.equal((await relay.close()).reason, 'finished')
          await queued(relay, 1)
          tried.reset()
          await queued(relay, 0)
        })
      })
    }

    it('a member that has the place of one that was tried has not been tried', async () => {
      const [port, backup, fresh] = [await unusedPort(), await listen(), await listen({ onPeer: (peer) => void peer.end('fresh') })]
      const rest = { to: tcp(backup.address), backup: true }
      const set = upstreams([tcp(`127.0.0.1:${port}`), rest], { maxSessions: 1, ejection: false, queue: { maxSessions: 10, timeoutMs: 60_000 } })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        await connect(relay.address)
        await backup.accept()
        const waits = await connect(relay.address)
        await queued(relay, 1)
        relay.server.setUpstreams(set, [rest])
        relay.server.setUpstreams(set, [rest, tcp(fresh.address)])
        await waits.end()
        assert.equal((await waits.readAll()).text, 'fresh')
      })
    })

    it('a server that drains is done when the last in the queue has nobody left to wait for', async () => {
      using folder = temporaryFolder()
      const path = `${folder.path}/member.sock`
      const upstream = await listen({ path })
      const set = upstreams([unix(path)], { maxSessions: 1, queue: { maxSessions: 10, timeoutMs: 60_000 } })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread, sessionEvents: false }, async (relay) => {
        const first = await connect(relay.address)
        const atFirst = await upstream.accept()
        const second = await connect(relay.address)
        await queued(relay, 1)
        void upstream.close()
        const closing = relay.server.close({ drainMs: 600_000 })
        await first.end()
        await atFirst.end()
        assert.equal((await second.readAll()).ending, 'reset')
        await within(closing, 'the server to be done')
      })
    })

    it('resets who comes when it is full, with queueFull, and has room again when somebody gives up', async () => {
      const upstream = await listen()
      await withRelay(oneAtATime(upstream, { queue: { maxSessions: 1, timeoutMs: 60_000 } }), { thread }, async (relay) => {
        const first = await connect(relay.address)
        await upstream.accept()
        const second = await connect(relay.address)
        await queued(relay, 1)
        const third = await connect(relay.address)
        assert.equal((await third.readAll()).ending, 'reset')
        second.reset()
        await queued(relay, 0)
        await connect(relay.address)
        await queued(relay, 1)
        first.reset()
        await upstream.accept()
        const reasons = (await relay.closes(3)).map(({ reason }) => reason)
        assert.deepEqual(reasons, ['queueFull', 'resetByDownstream', 'resetByDownstream'])
      })
    })

    it('lets go of one that is ended while it waits, and serves the next', async () => {
      const upstream = await listen()
      await withRelay(oneAtATime(upstream, { queue: { maxSessions: 1, timeoutMs: 60_000 } }), { thread }, async (relay) => {
        const first = await connect(relay.address)
        await upstream.accept()
        const ended = await connect(relay.address)
        await queued(relay, 1)
        const waits = (await relay.server.sessions()).find(({ state }) => state === 'queued')
        assert(waits)
        relay.server.endSession(waits.id)
        assert.equal((await ended.readAll()).ending, 'fin')
        await ended.end()
        assert.equal((await relay.close()).reason, 'closedByHandler')
        const next = await connect(relay.address)
        await queued(relay, 1)
        first.reset()
        await upstream.accept()
        next.reset()
        await relay.closes(3)
      })
    })

    it('resets who has waited too long, with queueTimeout', async () => {
      const upstream = await listen()
      await withRelay(oneAtATime(upstream, { queue: { maxSessions: 5, timeoutMs: 50 } }), { thread }, async (relay) => {
        const first = await connect(relay.address)
        await upstream.accept()
        const late = await connect(relay.address)
        assert.equal((await late.readAll()).ending, 'reset')
        const { reason, durationMs } = await relay.close()
        assert.equal(reason, 'queueTimeout')
        assert.ok(durationMs >= 50, `${durationMs} ms`)
        first.reset()
        await relay.closes(2)
      })
    })

    it('is emptied with noUpstream when nobody is left to wait for', async () => {
      const upstream = await listen()
      const health = tcpCheck({ intervalMs: 20, fall: 1 })
      await withRelay(oneAtATime(upstream, { queue: { maxSessions: 5, timeoutMs: 60_000 }, health }), { thread }, async (relay) => {
        await connect(relay.address)
        await relay.opens()
        const waits = await connect(relay.address)
        await queued(relay, 1)
        void upstream.close()
        assert.equal((await waits.readAll()).ending, 'reset')
        assert.equal((await relay.close()).reason, 'noUpstream')
      })
    })
  })
}
