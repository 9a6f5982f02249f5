/** Members of a set as real processes under load: killed, stopped and started anew. The time is the client's own, and the only bound is the one that users are promised. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, sendExpect, tcp, upstreams } from '../../lib/index.ts'
import type { UpstreamInfo } from '../../lib/index.ts'
import { memberProcess } from '../support/member-process.ts'
import type { MemberProcess } from '../support/member-process.ts'
import { withRelay } from '../support/relay.ts'
import type { TestRelay } from '../support/relay.ts'
import { oneSession, sessionLoad } from '../support/session-load.ts'
import type { SessionLoad } from '../support/session-load.ts'
import { until } from '../support/until.ts'

const longestErrorMs = 1_000

const infoOf = async (relay: TestRelay, { address }: MemberProcess): Promise<UpstreamInfo> => {
  const found = (await relay.server.upstreams()).find(({ upstream }) => upstream === address)
  assert(found)
  return found
}

/** Waits until a check has told that a member is in a state; gives how many sessions it had been given when all loops knew. */
async function inState(relay: TestRelay, member: MemberProcess, state: 'healthy' | 'unhealthy', before: number): Promise<number> {
  await until(() => relay.events.slice(before).some((event) => event.type === 'notice' && event.code === 'upstreamState' && event.upstream === member.address && event.state === state), `${member.address} to be ${state}`)
  const { state: now, sessions } = await infoOf(relay, member)
  assert.equal(now, state)
  return sessions
}

/** More sessions that succeed. */
async function more(load: SessionLoad, count: number): Promise<void> {
  const answered = (): number => load.outcomes.filter(({ error }) => error === undefined).length
  const wanted = answered() + count
  await until(() => answered() >= wanted, () => `${wanted} sessions to be answered, ${answered()} are`, 30_000)
}

describe('members of a set that die under load', function () {
  this.timeout(120_000)

  for (const shards of [1, 2]) {
    it(`get no session once they are known dead, cost a client less than a second, and share again when they are back, ${shards} ${shards === 1 ? 'loop' : 'loops'}`, async () => {
      await using a = await memberProcess()
      await using b = await memberProcess()
      await using c = await memberProcess()
      const health = sendExpect({ send: 'ping\n', expect: 'pong', intervalMs: 50, timeoutMs: 250, fall: 2, rise: 1 })
      const set = upstreams([a, b, c].map(({ address }) => tcp(address)), { health, closeOnUnhealthy: true, ejection: { afterFailures: 3, forMs: 200 } })
      await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(set)), shards === 1 ? {} : { shards }, async (relay) => {
        const sessionsOf = async (member: MemberProcess): Promise<number> =>
          (await relay.server.upstreams()).filter(({ upstream }) => upstream === member.address).reduce((sum, { sessions }) => sum + sessions, 0)
        const load = sessionLoad(relay.address, 8)
        await more(load, 60)

        // Killed: the kernel refuses.
        let mark = relay.events.length
        a.kill('SIGKILL')
        await inState(relay, a, 'unhealthy', mark)
        const atDeath = await sessionsOf(a)
        const others = [await sessionsOf(b), await sessionsOf(c)]
        await more(load, 100)
        assert.equal(await sessionsOf(a), atDeath, 'no session is sent to a member known dead')
        const [moreB, moreC] = [await sessionsOf(b) - (others[0] ?? 0), await sessionsOf(c) - (others[1] ?? 0)]
        // The turns of each loop are exact, and a session that was reset has had its turn.
        assert.ok(Math.abs(moreB - moreC) <= 0.2 * (moreB + moreC), `the two that are left have ${moreB} and ${moreC}`)

        // Started anew at its port.
        mark = relay.events.length
        await using again = await memberProcess(a.port)
        await inState(relay, again, 'healthy', mark)
        const atReturn = await sessionsOf(again)
        await more(load, 60)
        assert.ok(await sessionsOf(again) > atReturn, 'who is back has sessions again')

        // Stopped: the kernel still takes connections, and nobody answers.
        mark = relay.events.length
        b.kill('SIGSTOP')
        await inState(relay, b, 'unhealthy', mark)
        const atStop = await sessionsOf(b)
        await more(load, 100)
        assert.equal(await sessionsOf(b), atStop, 'no session is sent to a member known to hang')
        mark = relay.events.length
        b.kill('SIGCONT')
        await inState(relay, b, 'healthy', mark)
        await more(load, 60)
        assert.ok(await sessionsOf(b) > atStop)

        // All: there is nobody to try, and that is said at once.
        mark = relay.events.length
        for (const member of [again, b, c]) member.kill('SIGKILL')
        for (const member of [again, b, c]) await inState(relay, member, 'unhealthy', mark)
        await load.stop()
        const last = await oneSession(relay.address)
        assert.equal(last.error, 'ECONNRESET')
        assert.ok(last.tookMs < longestErrorMs, `${last.tookMs} ms`)

        const failed = load.outcomes.filter(({ error }) => error !== undefined)
        const slowest = Math.max(...failed.map(({ tookMs }) => tookMs))
        assert.ok(slowest < longestErrorMs, `a client was told of an error after ${slowest} ms, of ${failed.length}`)
        const closes = await relay.closes(load.outcomes.length + 1)
        const reasons = new Set(closes.map(({ reason }) => reason))
        assert.ok(reasons.has('noUpstream') && reasons.has('upstreamUnhealthy'), [...reasons].join(' '))
      })
    })
  }
})
