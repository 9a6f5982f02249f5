/** What checks find of the members of a set, and what becomes of new and of open sessions. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { forward, listen as from, pipe, sendExpect, tcp, tcpCheck, unix, upstreams } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { memberProcess } from '../support/member-process.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads, withRelay } from '../support/relay.ts'
import { oneSession } from '../support/session-load.ts'
import { pause } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** Holds this thread, as user code may. */
function hold(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

for (const thread of threads) {
  describe(`checks of a set, ${thread} thread`, () => {
    it('keep new sessions away from a member that cannot be connected to, until it can', async () => {
      const up = await listen({ onPeer: (peer) => void peer.end('up') })
      const port = await unusedPort()
      const set = upstreams([tcp(`127.0.0.1:${port}`), tcp(up.address)], { health: tcpCheck({ intervalMs: 20, rise: 1 }) })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        const [down] = await relay.notices()
        assert.deepEqual([down?.upstream, down?.state, down?.message], [`127.0.0.1:${port}`, 'unhealthy', 'ECONNREFUSED'])
        for (let i = 0; i < 4; i++) assert.equal((await (await connect(relay.address)).readAll()).text, 'up')
        const [first] = await relay.server.upstreams()
        assert.deepEqual([first?.state, first?.sessions], ['unhealthy', 0])
        await listen({ port, onPeer: (peer) => void peer.end('back') })
        const [, back] = await relay.notices(2)
        assert.deepEqual([back?.upstream, back?.state, back?.message], [`127.0.0.1:${port}`, 'healthy', 'tcpCheck has passed'])
        const said = new Set<string>()
        for (let i = 0; i < 2; i++) said.add((await (await connect(relay.address)).readAll()).text)
        assert.deepEqual(said, new Set(['back', 'up']))
      })
    })

    it('say at once that there is nobody, when all are down', async () => {
      const set = upstreams([tcp(`127.0.0.1:${await unusedPort()}`)], { health: tcpCheck({ intervalMs: 20 }) })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        await relay.notices()
        assert.equal((await (await connect(relay.address)).readAll()).ending, 'reset')
        assert.equal((await relay.close()).reason, 'noUpstream')
      })
    })

    it('by sendExpect look at the answer, of a Unix socket too', async () => {
      using folder = temporaryFolder()
      const path = join(folder.path, 'member')
      let answer = 'ready'
      const member = await listen({ path, onPeer: (peer) => void peer.read(5).then(() => peer.send(answer), () => undefined) })
      const set = upstreams([unix(path)], { health: sendExpect({ send: 'ready', expect: 'ready', intervalMs: 20, fall: 1, rise: 1 }) })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
        answer = 'x'.repeat(5_000)
        assert.equal((await relay.notices())[0]?.message, 'its answer is not what was expected')
        answer = 'yes, ready'
        assert.equal((await relay.notices(2))[1]?.state, 'healthy')
      })
      await member.close()
    })

    it('reset the open sessions of a member that dies with `closeOnUnhealthy`, and leave them alone without', async () => {
      for (const closeOnUnhealthy of [true, false]) {
        await using a = await memberProcess()
        await using b = await memberProcess()
        const health = sendExpect({ send: 'ping\n', expect: 'pong', intervalMs: 20, timeoutMs: 2_000, fall: 1, rise: 1 })
        const set = upstreams([tcp(a.address), { to: tcp(b.address), backup: true }], { health, closeOnUnhealthy })
        await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), { thread }, async (relay) => {
          const open = await connect(relay.address)
          await open.send('ping\n')
          const line = `pong ${a.port}\n`
          assert.equal((await open.read(line.length)).toString(), line)
          a.kill('SIGSTOP')
          await relay.notices()
          assert.equal((await oneSession(relay.address)).answer, `pong ${b.port}\n`, 'new sessions go to the backup')
          if (closeOnUnhealthy) {
            assert.equal((await open.readAll()).ending, 'reset')
            assert.equal((await relay.close()).reason, 'upstreamUnhealthy')
          } else {
            await relay.closes(1)
            await open.send('ping\n')
            a.kill('SIGCONT')
            await relay.notices(2)
            assert.equal((await open.read(line.length)).toString(), line)
            open.reset()
          }
        })
      }
    })

    it('mark nobody dead because this thread was busy', async () => {
      await using member = await memberProcess()
      const checks = [tcpCheck({ intervalMs: 20, timeoutMs: 600, fall: 1 }), sendExpect({ send: 'ping\n', expect: 'pong', intervalMs: 20, timeoutMs: 600, fall: 1 })]
      const pipelines = checks.map((health) => pipe(from(tcp('127.0.0.1:0')), forward(upstreams([tcp(member.address)], { health }))))
      await withRelay(pipelines, { thread }, async (relay) => {
        for (let i = 0; i < 5; i++) {
          await pause(i % 4 * 5)
          hold(1_000)
        }
        await pause(100)
        assert.deepEqual(relay.events.filter(({ type }) => type === 'notice'), [])
        assert.deepEqual((await relay.server.upstreams()).map(({ state }) => state), ['healthy', 'healthy'])
        // The same checks find out that it hangs.
        member.kill('SIGSTOP')
        const [notice] = await relay.notices(1)
        assert.deepEqual([notice?.state, notice?.message, notice?.pipeline], ['unhealthy', 'no answer within 600 ms', 1])
      })
    })
  })
}
