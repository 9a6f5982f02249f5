/** Many sockets with megabytes ready must not stand before a message: whose turn it is shows in the order of the loop's calls. */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp, udp } from '../../lib/index.ts'
import { child, root } from '../support/child.ts'
import { connect, destroyPeers, type Peer } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { threads } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { strace, type Strace } from '../support/strace.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'

const elephants = 8
const messages = 100
const smallBytes = 4096

type Call = {
  readonly line: string
  /** Of a read: how much it may bring, and what it has brought. */
  readonly asked: number
  readonly got: number
  /** Of a read: what the one before it of its socket brought, by which the loop goes; of the first of a trace nobody knows. */
  readonly of: 'bulk' | 'message' | undefined
}

/** The calls of each whole turn of the loop, but for waiting. */
function turns(trace: Strace): Call[][] {
  const last = new Map<string, 'bulk' | 'message'>()
  const all: Call[][] = [[]]
  for (const line of trace.calls()) {
    if (line.startsWith('epoll_')) {
      all.push([])
      continue
    }
    const [, fd = '', asked = 0, got = 0] = /^recvfrom\((\d+), .*?, (\d+), .* = (-?\d+)/.exec(line) ?? []
    all.at(-1)?.push({ line, asked: Number(asked), got: Number(got), of: last.get(fd) })
    if (Number(got) > 0) last.set(fd, Number(got) < smallBytes ? 'message' : 'bulk')
  }
  return all.slice(1, -1)
}

const isBulk = (call: Call): boolean => call.of === 'bulk'
const isMessage = (call: Call): boolean => call.of === 'message'

async function exchange(peer: Peer): Promise<void> {
  for (let i = 1; i <= messages; i++) {
    peer.socket.write('message ')
    await eventually('the message to come back', () => peer.bytesRead() === i * 8)
  }
}

for (const thread of threads) {
  describe(`messages beside bulk, ${thread} thread`, function () {
    this.timeout(120_000)
    afterEach(destroyPeers)
    afterEach(closeUdpPeers)

    it('are read before it, wait for one step of it at most, and make its steps short', async () => {
      await using relay = await relayProcess(pipe(from(tcp('127.0.0.1:0')), echo()), { thread, transport: 'copy', ioUring: false })
      await using herd = child(process.execPath, ['--import', 'tsx', `${root}test/support/elephants.ts`, String(relay.addresses[0]?.port), String(elephants)])
      await herd.line(/trampling/)
      const peer = await connect(relay.address)

      const alone = await (async () => {
        await using trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait', 'recvfrom'])
        await eventually('bulk to be moved', () => turns(trace).flat().filter(isBulk).length > 100)
        return turns(trace)
      })()
      const beside = await (async () => {
        await using trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait', 'recvfrom'])
        await exchange(peer)
        return turns(trace)
      })()

      for (const turn of [...alone, ...beside]) {
        const bulk = turn.filter(isBulk)
        const budget = bulk.some(({ asked }) => asked <= 65_536) ? 65_536 : 1 << 20
        const before = bulk.slice(0, -1).reduce((sum, { got }) => sum + got, 0)
        assert.ok(before < budget, `no further step after ${budget} bytes: ${JSON.stringify(turn)}`)
      }
      for (const turn of beside) {
        const first = turn.findIndex(isBulk)
        if (first >= 0) assert.ok(!turn.slice(first).some(isMessage), `messages first: ${JSON.stringify(turn)}`)
      }
      const asked = (calls: Call[][]): number[] => calls.flat().filter(isBulk).map((read) => read.asked)
      const short = (sizes: number[]): number => sizes.filter((size) => size <= 65_536).length / sizes.length
      console.log(`      ${asked(alone).length} steps without and ${asked(beside).length} beside ${messages} messages; ${Math.round(100 * short(asked(beside)))} % of these are short`)
      assert.ok(short(asked(alone)) < 0.1)
      assert.ok(short(asked(beside)) > 0.5)
    })

    it('so are datagrams', async () => {
      const pipelines = [pipe(from(tcp('127.0.0.1:0')), echo()), pipe(from(udp('127.0.0.1:0')), echo())]
      await using relay = await relayProcess(pipelines, { thread, transport: 'copy' })
      await using herd = child(process.execPath, ['--import', 'tsx', `${root}test/support/elephants.ts`, String(relay.addresses[0]?.port), String(elephants)])
      await herd.line(/trampling/)
      const peer = await udpPeer(relay.addressOf(1))
      await using trace = await strace(relay.loopThread, ['epoll_wait', 'epoll_pwait', 'recvfrom', 'recvmmsg', 'sendmsg', 'sendmmsg'])
      for (let i = 0; i < messages; i++) {
        await peer.send('message')
        await peer.receive()
      }
      const withDatagrams = turns(trace).filter((turn) => turn.some(({ line }) => /^recvmmsg\(.* = [1-9]/.test(line)))
      assert.ok(withDatagrams.length >= messages / 2)
      for (const turn of withDatagrams) {
        const bulk = turn.findIndex(isBulk)
        const sent = turn.findLastIndex(({ line }) => /^sendm?msg\(|^sendmmsg\(/.test(line))
        assert.ok(bulk < 0 || sent < bulk, JSON.stringify(turn))
      }
    })
  })
}
