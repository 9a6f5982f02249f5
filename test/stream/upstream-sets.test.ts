/** A forward to a set of upstreams: who is chosen, who is passed over, and what is told of it. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { forward, listen as from, pipe, tcp, unix, upstreams } from '../../lib/index.ts'
import type { Endpoint, MemberLike, StreamUpstreamsOptions } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import type { Listener, Peer } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** Upstreams that say their number and are done. */
const numbered = (count: number): Promise<readonly Listener[]> => Promise.all(Array.from({ length: count }, (_, i) => listen({ onPeer: (peer) => void peer.end(String(i)) })))

const at = ({ address }: Listener): Endpoint<'stream'> => tcp(address)

/** A relay to a set of members. */
const toSet = (members: readonly MemberLike<'stream'>[], options: StreamUpstreamsOptions = {}) => pipe(from(tcp('127.0.0.1:0')), forward(upstreams(members, options)))

/** What one session after the other was told by its upstream. */
async function ask(relay: TestRelay, count: number): Promise<string> {
  let said = ''
  for (let i = 0; i < count; i++) {
    const peer = await connect(relay.address)
    await peer.end()
    said += (await peer.readAll()).text || '-'
  }
  return said
}

/** A Unix listener with a full queue, until its input ends: then it takes all. */
async function fullListener(path: string) {
  const script = `
import socket, sys
listener, first = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(0)
first.connect(sys.argv[1])
print('full', flush=True)
sys.stdin.read()
taken = []
while True: taken.append(listener.accept())
`
  const busy = spawn('python3', ['-c', script, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(busy.stdout, 'data')
  return busy
}

const sorted = (text: string): string => Array.from(text).sort().join('')

for (const thread of threads) {
  describe(`a set of upstreams, ${thread} thread`, () => {
    it('takes its members in turn, by weight', async () => {
      const [a, b, c] = await numbered(3)
      assert(a && b && c)
      await withRelay(toSet([at(a), { to: at(b), weight: 2 }, at(c)]), { thread }, async (relay) => {
        assert.equal(sorted(await ask(relay, 8)), '00111122')
        await relay.closes(8)
        const list = await relay.server.upstreams()
        assert.deepEqual(list.map(({ upstream, state, sessions, open }) => ({ upstream, state, sessions, open })), [
          { upstream: a.address, state: 'healthy', sessions: 2, open: 0 },
          { upstream: b.address, state: 'healthy', sessions: 4, open: 0 },
          { upstream: c.address, state: 'healthy', sessions: 2, open: 0 },
        ])
      })
    })

    it('gives a session to the next member when one refuses, in a moment, and ejects who has refused three times in a row', async () => {
      const [a] = await numbered(1)
      assert(a)
      const gone = `127.0.0.1:${await unusedPort()}`
      await withRelay(toSet([tcp(gone), at(a)]), { thread }, async (relay) => {
        assert.equal(await ask(relay, 8), '00000000', 'no session is lost')
        await relay.closes(8)
        const notices = relay.events.filter((event) => event.type === 'notice')
        assert.deepEqual(notices.map((event) => ('upstream' in event ? [event.upstream, event.state, event.message] : event)), [[gone, 'ejected', 'ECONNREFUSED, for 10 s']])
        const [first, second] = await relay.server.upstreams()
        assert(first && second)
        assert.deepEqual([first.state, first.sessions, first.failures, second.state, second.failures], ['ejected', 3, 3, 'healthy', 0])
        assert.ok(first.ejectedMs > 0 && first.ejectedMs <= 10_000, `${first.ejectedMs}`)
      })
    })

    it('lets an ejected member back in when its time is over', async () => {
      const [a] = await numbered(1)
      assert(a)
      const port = await unusedPort()
      await withRelay(toSet([tcp(`127.0.0.1:${port}`), at(a)], { ejection: { afterFailures: 1, forMs: 50 } }), { thread }, async (relay) => {
        assert.equal(await ask(relay, 1), '0')
        const back = await listen({ port, onPeer: (peer) => void peer.end('b') })
        await relay.notices(2)
        assert.match(await ask(relay, 4), /b/)
        await back.close()
      })
    })

    it('`retries: 0` means one member alone, and `retries` of the set holds where forward says nothing', async () => {
      const [a] = await numbered(1)
      assert(a)
      const gone = tcp(`127.0.0.1:${await unusedPort()}`)
      await withRelay(toSet([gone, at(a)], { retries: 0 }), { thread }, async (relay) => {
        assert.equal(sorted(await ask(relay, 2)), '-0')
        const reasons = (await relay.closes(2)).map(({ reason }) => reason)
        assert.deepEqual(reasons.sort(), ['connectRefused', 'finished'])
      })
    })

    it('uses a backup only while no other member can be reached', async () => {
      const main = { port: await unusedPort(), onPeer: (peer: Peer) => void peer.end('0') }
      const [first, backup] = [await listen(main), await listen({ onPeer: (peer) => void peer.end('1') })]
      await withRelay(toSet([{ to: at(backup), backup: true }, at(first)], { ejection: { afterFailures: 3, forMs: 50 } }), { thread }, async (relay) => {
        assert.equal(await ask(relay, 3), '000')
        await first.close()
        assert.equal(await ask(relay, 5), '11111')
        await listen(main)
        await eventually('a session of the member that is back', async () => await ask(relay, 1) === '0')
        assert.equal(await ask(relay, 3), '000')
      })
    })

    it('passes over a Unix socket whose queue is full', async () => {
      using folder = temporaryFolder()
      const path = `${folder.path}/busy.sock`
      const busy = await fullListener(path)
      try {
        const backup = await listen({ onPeer: (peer) => void peer.end('backup') })
        const set = upstreams([unix(path), { to: tcp(backup.address), backup: true }])
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set, { connectTimeoutMs: 60_000 })), { thread }, async (relay) => {
          const client = await connect(relay.address)
          await client.end()
          assert.equal((await client.readAll()).text, 'backup')
        })
      } finally {
        busy.kill()
      }
    })

    it('but waits for it where the others have no room', async () => {
      using folder = temporaryFolder()
      const path = `${folder.path}/busy.sock`
      const busy = await fullListener(path)
      try {
        const other = await listen()
        const set = upstreams([unix(path), { to: tcp(other.address), maxSessions: 1, backup: true }], { retries: 2 })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set, { connectTimeoutMs: 60_000 })), { thread }, async (relay) => {
          await connect(relay.address)
          await other.accept()
          const second = await connect(relay.address)
          await eventually('the second to be connecting', async () => (await relay.server.sessions()).some(({ state }) => state === 'connecting'))
          busy.stdin.end() // it takes those that wait
          await relay.opens(2)
          second.reset()
          await relay.close()
        })
      } finally {
        busy.kill()
      }
    })

    it('a client stays with its member by `sourceHash` and by `maglev`', async () => {
      for (const balance of ['sourceHash', 'maglev'] as const) {
        const all = await numbered(5)
        await withRelay(toSet(all.map(at), { balance }), { thread }, async (relay) => {
          const chosen = new Set<string>()
          for (let client = 1; client <= 20; client++) {
            const said = await Promise.all([1, 2].map(async () => {
              const peer = await connect(relay.address, { localAddress: `127.0.0.${client}` })
              await peer.end()
              return (await peer.readAll()).text
            }))
            assert.equal(said[0], said[1])
            assert.match(said[0] ?? '', /^[0-4]$/)
            chosen.add(said[0] ?? '')
          }
          assert.ok(chosen.size > 2, `20 clients are with ${chosen.size} of 5 members`)
        })
      }
    })

    it('`leastSessions` and `random2` see which sessions are open', async () => {
      for (const balance of ['leastSessions', 'random2'] as const) {
        const all = await Promise.all([listen(), listen()])
        await withRelay(toSet(all.map(at), { balance }), { thread }, async (relay) => {
          const peers = await Promise.all(Array.from({ length: 20 }, () => connect(relay.address)))
          await relay.opens(20)
          assert.deepEqual((await relay.server.upstreams()).map(({ open }) => open), [10, 10])
          for (const peer of peers) peer.reset()
          await relay.closes(20)
          assert.deepEqual((await relay.server.upstreams()).map(({ open }) => open), [0, 0])
        })
      }
    })

    it('passes over a member that has its `maxSessions`, and resets a session for which there is none', async () => {
      const all = await Promise.all([listen(), listen()])
      const [a, b] = all
      await withRelay(toSet([{ to: at(a), maxSessions: 1 }, at(b)], { maxSessions: 2 }), { thread }, async (relay) => {
        await Promise.all([1, 2, 3].map(() => connect(relay.address)))
        await relay.opens(3)
        assert.deepEqual((await relay.server.upstreams()).map(({ open }) => open), [1, 2])
        const fourth = await connect(relay.address)
        assert.equal((await fourth.readAll()).ending, 'reset')
        assert.equal((await relay.close()).reason, 'queueFull')
      })
    })

    it('names a member that is a Unix socket in events and sessions', async () => {
      using folder = temporaryFolder()
      const paths = ['a', 'b'].map((name) => join(folder.path, name))
      const listeners = await Promise.all(paths.map((path) => listen({ path })))
      await withRelay(toSet(paths.map((path) => unix(path))), { thread }, async (relay) => {
        const peers = await Promise.all([connect(relay.address), connect(relay.address)])
        const opened = (await relay.opens(2)).map(({ upstream }) => upstream)
        assert.deepEqual(opened.sort(), paths.map((path) => `unix:${path}`))
        assert.deepEqual((await relay.server.sessions()).map(({ upstream }) => upstream).sort(), opened)
        for (const peer of peers) peer.reset()
        const closed = (await relay.closes(2)).map(({ upstream }) => upstream)
        assert.deepEqual(closed.sort(), opened)
      })
      await Promise.all(listeners.map(({ close }) => close()))
    })
  })
}
