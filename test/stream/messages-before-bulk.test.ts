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

type Read = { readonly asked: number; readonly got: number }

/** The calls of each whole turn of the loop, but for waiting. */
function linesByTurn(trace: Strace): string[][] {
  const all: string[][] = [[]]
  for (const line of trace.calls()) {
    if (line.startsWith('epoll_')) all.push([])
    else all.at(-1)?.push(line)
  }
  return all.slice(1, -1)
}

/** The reads of each. */
function turns(trace: Strace): Read[][] {
  const read = (line: string): Read[] => {
    const [, asked, got] = /^recvfrom\(.*?, (\d+), .* = (-?\d+)/.exec(line) ?? []
    return asked === undefined || got === undefined ? [] : [{ asked: Number(asked), got: Number(got) }]
  }
  return linesByTurn(trace).map((turn) => turn.flatMap(read))
}

const isBulk = ({ got }: Read): boolean => got >= smallBytes

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
        if (first >= 0) assert.ok(turn.slice(first).every(isBulk), `messages first: ${JSON.stringify(turn)}`)
      }
      const asked = (reads: Read[][]): number[] => reads.flat().filter(isBulk).map((read) => read.asked)
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
      const withDatagrams = linesByTurn(trace).filter((turn) => turn.some((line) => /^recvmmsg\(.* = [1-9]/.test(line)))
      assert.ok(withDatagrams.length >= messages / 2)
      for (const turn of withDatagrams) {
        const bulk = turn.findIndex((line) => /^recvfrom\(.* = \d{4,}$/.test(line))
        const sent = turn.findLastIndex((line) => /^sendm?msg\(|^sendmmsg\(/.test(line))
        assert.ok(bulk < 0 || sent < bulk, turn.join('\n'))
      }
    })
  })
}
