/** Short messages of many sessions that are refused together must not be more than there is room for. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { forward, listen as from, pipe, serve, tcp, unix } from '../../lib/index.ts'
import { until } from '../support/until.ts'

const message = Buffer.alloc(1000, 'm')

/** A block of the pool for each message that is refused: 64 of them are all there is. */
const first = 40
const later = 60

for (const ioUring of [true, false]) {
  describe(`short messages that many readers refuse at once, ${ioUring ? 'read together' : 'one by one'}`, () => {
    let folder = ''
    beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'millrace-small-')) })
    afterEach(() => { rmSync(folder, { recursive: true }) })

    it('end no session: who finds no room waits', async () => {
      const path = join(folder, 'up.sock')
      const upstreams: Socket[] = []
      const stalled = createServer({ pauseOnConnect: true }, (socket) => { upstreams.push(socket.on('error', () => undefined)) }).listen(path)
      await once(stalled, 'listening')
      const server = await serve(pipe(from(tcp('127.0.0.1:0')), forward(unix(path))), { thread: 'embedded', maxPendingBytes: 2 ** 20, ioUring })
      const port = server.addresses[0]?.port ?? 0
      const clients: Socket[] = []
      try {
        const more = async (count: number): Promise<Socket[]> => {
          const list = Array.from({ length: count }, () => connect(port, '127.0.0.1').setNoDelay().on('error', () => undefined))
          await Promise.all(list.map((socket) => once(socket, 'connect')))
          clients.push(...list)
          await until(() => upstreams.length === clients.length, 'all to be connected')
          return list
        }
        const fill = async (sockets: readonly Socket[]): Promise<void> => {
          const before = server.ledger().toUpstream.pending
          while (server.ledger().toUpstream.pending === before && server.ledger().reasons.pendingLimit === 0) {
            const due = server.ledger().toUpstream.received + sockets.length * message.length
            for (const socket of sockets) socket.write(message)
            await until(() => server.ledger().toUpstream.received >= due || server.ledger().toUpstream.pending !== before || server.ledger().reasons.pendingLimit > 0, 'a round')
          }
        }
        await fill(await more(first))
        await until(() => server.ledger().toUpstream.pending >= first * message.length, 'the whole round to wait')
        assert.equal(server.ledger().toUpstream.pending, first * message.length)
        await fill(await more(later))
        await until(() => server.ledger().toUpstream.pending >= 64 * message.length || server.ledger().reasons.pendingLimit > 0, 'the pool to be full')
        assert.equal(server.ledger().reasons.pendingLimit, 0)
        assert.equal(server.ledger().sessions.open, first + later)
      } finally {
        for (const socket of [...clients, ...upstreams]) socket.destroy()
        await server.close()
        stalled.close()
      }
    })
  })
}
