/**
 * Pitfalls 3, 10, 11, 12, 25 of the kernel's side: a system call that fails hurts only the session it was for. strace makes the calls of the
 * loop's thread fail while ten sessions talk one after another, so the first call belongs to the first session.
 * Those of splice(2) are in test/stream/transport.test.ts and pipes.test.ts.
 */
import assert from 'node:assert/strict'
import { forward, halfCloseTimeout, listen as listenAt, pipe, tcp } from '../../lib/index.ts'
import { echoProcess, type EchoProcess } from '../support/echo-process.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, type Peer } from '../support/peers.ts'
import { pour, pouredBytes } from '../support/pour.ts'
import { socketsOf, eventually, settled } from '../support/proc.ts'
import { threads } from '../support/relay.ts'
import { relayProcess, type RelayProcess } from '../support/relay-process.ts'
import { injected, strace } from '../support/strace.ts'

/** Errors that say nothing about the listener: the next accept may well succeed. From accept(2), "Error handling", and the pitfalls. */
const acceptErrors = [
  'ECONNABORTED', 'EINTR', 'EPROTO', 'ENETDOWN', 'ENOPROTOOPT', 'EHOSTDOWN', 'ENONET', 'EHOSTUNREACH', 'EOPNOTSUPP', 'ENETUNREACH', 'EPERM',
  'ENOBUFS', 'ENOMEM',
] as const
/** Out of descriptors: accepting is paused, and the one that was at the head of the queue is refused rather than left to wait. */
const noDescriptor = ['EMFILE', 'ENFILE'] as const

/** A connect over loopback is over at once, and asked so; this makes it end in an event, as others do. */
const notAtOnce = 'getpeername:error=ENOTCONN:when=1'

/**
 * `stays`: a failed write breaks its direction and no more, because the other may still have something to say. A socket that really
 * cannot be written to ends the reading too; here nothing is wrong with it, so the session goes on until its timeouts.
 */
type Fault = { readonly call: string; readonly error: string; readonly hurts: 0 | 1; readonly stays?: true; readonly unlessAtOnce?: true }
const faults: readonly Fault[] = [
  { call: 'recvfrom', error: 'EAGAIN', hurts: 0 },
  { call: 'recvfrom', error: 'EINTR', hurts: 0 },
  { call: 'recvfrom', error: 'ECONNRESET', hurts: 1 },
  { call: 'recvfrom', error: 'ETIMEDOUT', hurts: 1 },
  { call: 'recvfrom', error: 'ENOMEM', hurts: 1 },
  { call: 'recvfrom', error: 'EIO', hurts: 1 },
  { call: 'sendto', error: 'EAGAIN', hurts: 0 },
  { call: 'sendto', error: 'EINTR', hurts: 0 },
  { call: 'sendto', error: 'EPIPE', hurts: 1, stays: true },
  { call: 'sendto', error: 'ECONNRESET', hurts: 1, stays: true },
  { call: 'sendto', error: 'EHOSTUNREACH', hurts: 1, stays: true },
  { call: 'sendto', error: 'EIO', hurts: 1, stays: true },
]
const dialFaults: readonly Fault[] = [
  { call: 'socket', error: 'EAFNOSUPPORT', hurts: 1 },
  { call: 'socket', error: 'ENOBUFS', hurts: 1 },
  { call: 'socket', error: 'EMFILE', hurts: 1 },
  { call: 'connect', error: 'ECONNREFUSED', hurts: 1 },
  { call: 'connect', error: 'ENETUNREACH', hurts: 1 },
  { call: 'connect', error: 'EADDRNOTAVAIL', hurts: 1 },
  { call: 'connect', error: 'EPERM', hurts: 1 },
  { call: 'getpeername', error: 'ENOTCONN', hurts: 0 },
  { call: 'getsockopt', error: 'ENOBUFS', hurts: 1, unlessAtOnce: true },
  { call: 'epoll_ctl', error: 'ENOMEM', hurts: 1 },
  { call: 'epoll_ctl', error: 'ENOSPC', hurts: 1 },
  { call: 'setsockopt', error: 'ENOPROTOOPT', hurts: 0 },
]
const crowd = 10

for (const thread of threads) {
  describe(`a system call that fails hurts only its session (${thread} thread)`, function () {
    this.timeout(120_000)
    let relay: RelayProcess
    let upstream: EchoProcess
    let baseline = 0

    before(async () => {
      upstream = await echoProcess()
      relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), halfCloseTimeout(1_000), forward(tcp(`127.0.0.1:${upstream.port}`), { retries: 0 })), { thread, transport: 'copy', ioUring: false })
      baseline = socketsOf(relay.pid).length
    })
    after(async () => {
      await relay[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    })

    for (const error of acceptErrors) {
      it(`accept4 fails with ${error}: the listener lives and everybody is served`, async () => {
        {
          await using _trace = await strace(relay.loopThread, ['accept4'], [`accept4:error=${error}:when=1..5+2`])
          for (const peer of await many(crowd, () => connect(relay.address))) await echoes(peer)
        }
        await allGone(relay, baseline)
      })
    }

    for (const error of noDescriptor) {
      it(`accept4 fails with ${error}: as many are refused, at most, and all others are served`, async () => {
        await using trace = await strace(relay.loopThread, ['accept4'], [`accept4:error=${error}:when=1..5+2`])
        const peers = await many(crowd, () => connect(relay.address))
        const served = await Promise.allSettled(peers.map(echoes))
        const refused = served.filter((one) => one.status === 'rejected').length
        assert.ok(refused <= injected(trace), `${refused} refused`)
        await echoes(await connect(relay.address))
        await allGone(relay, baseline)
      })
    }

    for (const { call, error, hurts, stays } of faults) {
      it(`${call} fails with ${error}: ${hurts === 0 ? 'nobody is hurt' : `only the session it was for ${stays ? 'is hurt' : 'ends'}`}`, async () => {
        const peers = await many(crowd, () => connect(relay.address))
        for (const peer of peers) await echoes(peer)
        await using trace = await strace(relay.loopThread, [call], [`${call}:error=${error}:when=1`])
        await suffer(peers, stays ? 'stays' : hurts)
        assert.equal(injected(trace), 1)
        await allGone(relay, baseline)
      })
    }

    for (const { call, error, hurts, unlessAtOnce } of dialFaults) {
      it(`${call} fails with ${error} for a new session: ${hurts === 0 ? 'nobody is hurt' : 'only that one ends'}`, async () => {
        const peers = await many(crowd - 1, () => connect(relay.address))
        for (const peer of peers) await echoes(peer)
        const faulty = [`${call}:error=${error}:when=1`, ...(unlessAtOnce ? [notAtOnce] : [])]
        await using trace = await strace(relay.loopThread, unlessAtOnce ? [call, 'getpeername'] : [call], faulty)
        await suffer([await connect(relay.address), ...peers], hurts)
        assert.equal(injected(trace), faulty.length)
        await allGone(relay, baseline)
      })
    }

    for (const { error, hurts } of [{ error: 'EAGAIN', hurts: 0 }, { error: 'EINTR', hurts: 0 }, { error: 'ECONNRESET', hurts: 1 }, { error: 'EIO', hurts: 1 }] as const) {
      it(`sendmsg of pending bytes fails with ${error}: ${hurts === 0 ? 'nobody is hurt' : 'only the session it was for is hurt'}`, async () => {
        const peers = await many(crowd, () => connect(relay.address))
        for (const peer of peers) await echoes(peer)
        const [first, ...others] = peers
        assert.ok(first)
        first.pause()
        pour(first.socket)
        await settled(() => pouredBytes([first.socket]))
        await using trace = await strace(relay.loopThread, ['sendmsg'], [`sendmsg:error=${error}:when=1`])
        first.resume()
        await eventually('pending bytes to be sent', () => injected(trace) === 1)
        for (const peer of others) await echoes(peer)
        const read = first.bytesRead()
        if (hurts === 0) await eventually('the session to go on', () => first.bytesRead() > read + (16 << 20))
        await allGone(relay, baseline)
      })
    }

    it('epoll_ctl fails for a session that becomes backpressured: it ends or goes on, and nobody else notices', async () => {
      const peers = await many(crowd, () => connect(relay.address))
      for (const peer of peers) await echoes(peer)
      const [first, ...others] = peers
      assert.ok(first)
      await using trace = await strace(relay.loopThread, ['epoll_ctl'], ['epoll_ctl:error=ENOMEM:when=1'])
      first.pause()
      pour(first.socket)
      await eventually('it to become backpressured', () => injected(trace) === 1)
      for (const peer of others) await echoes(peer)
      first.resume()
      first.destroy()
      await allGone(relay, baseline)
    })

    it('shutdown fails: no descriptor is left and nobody else notices', async () => {
      const peers = await many(crowd, () => connect(relay.address))
      for (const peer of peers) await echoes(peer)
      const [first, ...others] = peers
      assert.ok(first)
      {
        await using _trace = await strace(relay.loopThread, ['shutdown'], ['shutdown:error=ENOTCONN:when=1'])
        await first.end()
        first.destroy()
        await first.closed
        for (const peer of others) await echoes(peer)
      }
      await allGone(relay, baseline)
    })

    it('epoll_wait is interrupted again and again: nobody notices', async () => {
      await using _trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait'], ['epoll_wait,epoll_pwait:error=EINTR:when=1+2'])
      for (const peer of await many(crowd, () => connect(relay.address))) await echoes(peer)
      await allGone(relay, baseline)
    })
  })
}

/** Each peer talks in turn; the first may find its session ended, all others get their echo. */
async function suffer(peers: readonly Peer[], hurts: 0 | 1 | 'stays'): Promise<void> {
  const [first, ...others] = peers
  assert.ok(first)
  if (hurts === 0) await echoes(first)
  else if (hurts === 1) await ends(first)
  else await first.send('talk')
  for (const peer of others) await echoes(peer)
  for (const peer of others) await echoes(peer)
}

/** The session is ended by the relay, one way or the other. */
async function ends(peer: Peer): Promise<void> {
  peer.socket.write('talk')
  await peer.readAll()
  peer.destroy()
  await peer.closed
}

async function echoes(peer: Peer): Promise<void> {
  await peer.send('talk')
  assert.equal((await peer.read(4)).toString(), 'talk')
}

/** The crowd goes; sessions and descriptors must go with it, and the ledger must balance. */
async function allGone(relay: RelayProcess, baseline: number): Promise<void> {
  await destroyPeers()
  await eventually('all sessions to end', async () => (await relay.ledger()).sessions.open === 0)
  assert.ok((await relay.ledger()).balanced, JSON.stringify(await relay.ledger()))
  await eventually(`${baseline} sockets to be left, not ${socketsOf(relay.pid).join(', ')}`, () => socketsOf(relay.pid).length === baseline)
}
