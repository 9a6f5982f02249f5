/** Many sockets with megabytes ready must not stand before a message: whose turn it is shows in the order of the loop's calls. */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp } from '../../lib/index.ts'
import { child, root } from '../support/child.ts'
import { connect, destroyPeers, type Peer } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { threads } from '../support/relay.ts'
import { relayProcess } from '../support/relay-process.ts'
import { strace, type Strace } from '../support/strace.ts'

const elephants = 8
const messages = 100
const smallBytes = 4096

type Read = { readonly asked: number; readonly got: number }

/** The reads of each whole turn of the loop. */
function turns(trace: Strace): Read[][] {
  const all: Read[][] = [[]]
  for (const line of trace.calls()) {
    if (line.startsWith('epoll_')) all.push([])
    const [, asked, got] = /^recvfrom\(.*?, (\d+), .* = (-?\d+)/.exec(line) ?? []
    if (asked !== undefined && got !== undefined) all.at(-1)?.push({ asked: Number(asked), got: Number(got) })
  }
  return all.slice(1, -1)
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

      for (const turn of [...alone, ...beside]) assert.ok(turn.filter(isBulk).length <= 1, `one step of ${elephants} directions at a time: ${JSON.stringify(turn)}`)
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
  })
}
