/** Pitfall 13: writing to a peer that is gone must not raise SIGPIPE, whatever its action is: an embedder may give the default one back. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { forward, listen as listenAt, pipe, tcp, unix } from '../../lib/index.ts'
import { many } from '../support/many.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'
import { pour } from '../support/pour.ts'
import { eventually, hasSignal } from '../support/proc.ts'
import { temporaryFolder } from '../support/programs.ts'
import { threads } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { strace } from '../support/strace.ts'

const SIGPIPE = 13
const sessions = 200

describe('SIGPIPE with its default action', function () {
  this.timeout(120_000)
  afterEach(destroyPeers)

  for (const { thread, transport } of threads.flatMap((each) => [{ thread: each, transport: 'copy' }, { thread: each, transport: 'splice' }] as const)) {
    it(`${sessions} peers reset while they are written to, and the relay lives (${thread} thread, ${transport})`, async () => {
      const upstream = await listen({ onPeer: (peer) => pour(peer.socket) })
      const pipeline = pipe(listenAt(tcp('127.0.0.1:0')), forward(tcp(upstream.address)))
      await using relay = await relayProcess(pipeline, { thread, transport, sigpipe: 'default' })
      assert.equal(hasSignal(relay.pid, 'SigIgn', SIGPIPE) || hasSignal(relay.pid, 'SigCgt', SIGPIPE), false, 'SIGPIPE would end the process')

      const clients = await many(sessions, () => connect(relay.address, { paused: true }))
      await Promise.all(clients.map(async (client) => {
        client.resume()
        await eventually('bytes to flow', () => client.bytesRead() > 0)
        client.reset()
      }))
      const closes = await relay.closes(sessions)
      assert.ok(closes.every((event) => event.reason === 'resetByDownstream'), JSON.stringify((await relay.ledger()).reasons))
    })
  }

  it('the own thread has no signals, so splicing there asks for nothing about them', async () => {
    const upstream = await listen({ onPeer: (peer) => pour(peer.socket) })
    await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), { thread: 'own', transport: 'splice' })
    await using trace = await strace(relay.loopThread, ['splice', 'rt_sigprocmask', 'rt_sigtimedwait', 'rt_sigaction'])
    const client = await connect(relay.address)
    await eventually('a megabyte', () => client.bytesRead() > 1 << 20)
    client.pause()
    const calls = (name: string) => trace.calls().filter((text) => text.startsWith(name)).length
    await eventually('calls to be seen', () => calls('splice(') > 8)
    assert.equal(calls('rt_sig'), 0)
  })

  it('a peer that is gone when only a part of what was spliced has been sent, and the relay lives', async () => {
    using folder = temporaryFolder()
    const path = join(folder.path, 'upstream.sock')
    const upstream = await listen({ path })
    await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), forward(unix(path))), { thread: 'embedded', transport: 'splice', sigpipe: 'default' })
    for (let round = 1; round <= 5; round++) {
      const client = await connect(relay.address)
      const peer = await upstream.accept()
      await peer.send('x')
      await eventually('it to arrive', () => client.bytesRead() === 1)
      process.kill(relay.pid, 'SIGSTOP')
      for (let piece = 0; piece < 40; piece++) peer.socket.write(Buffer.alloc(4096)) // each is a piece of its own in the pipe
      client.destroy()
      await client.closed
      process.kill(relay.pid, 'SIGCONT')
      assert.equal((await relay.closes(round)).length, round)
      peer.destroy()
    }
  })

  for (const thread of threads) {
    it(`every byte is sent with MSG_NOSIGNAL (${thread} thread)`, async () => {
      const upstream = await listen({ onPeer: (peer) => pour(peer.socket) })
      await using relay = await relayProcess(pipe(listenAt(tcp('127.0.0.1:0')), forward(tcp(upstream.address))), { thread, transport: 'copy' })
      await using trace = await strace(relay.loopThread, ['sendto', 'sendmsg', 'sendmmsg', 'writev', 'pwritev'])
      const client = await connect(relay.address, { paused: true })
      await client.send('to the upstream')
      client.resume()
      await eventually('a megabyte', () => client.bytesRead() > 1 << 20)
      client.pause()
      const calls = () => trace.calls().filter((text) => /^\w+\(/.test(text))
      await eventually('calls to be seen', () => calls().length > 10)
      for (const call of calls()) assert.match(call, /MSG_NOSIGNAL/)
    })
  }
})
