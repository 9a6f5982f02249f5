/** Handlers that use the library from within: what they ask for happens, and no handler runs inside another. */
import assert from 'node:assert/strict'
import { echo, highWater, listen as from, pipe, serve, stream, tcp, transform, type Server, type Session, type SessionInfo, type StreamSession } from '../../lib/index.ts'
import { batchSize, handlerKinds, inOneBatch } from '../support/handler-kinds.ts'
import { connect, sha256 } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const anywhere = from(tcp('127.0.0.1:0'))

for (const kind of handlerKinds) {
  describe(`${kind.name} may call`, () => {
    it('ledger(): it balances, and knows the session', () => {
      const seen: boolean[] = []
      return inOneBatch(kind, (_session, _place, { server }) => {
        const { balanced, sessions } = server.ledger()
        seen.push(balanced && sessions.accepted === batchSize && sessions.open + sessions.closed === batchSize)
      }, async ({ worksOn }) => {
        for (let place = 0; place < batchSize; place++) await worksOn(place)
        assert.deepEqual(seen, Array(batchSize).fill(true))
      })
    })

    it('sessions(): its own is among them', () => {
      const lists: Promise<readonly [number, readonly SessionInfo[]]>[] = []
      return inOneBatch(kind, ({ id }, _place, { server }) => { lists.push(server.sessions().then((list) => [id, list])) }, async ({ worksOn }) => {
        for (let place = 0; place < batchSize; place++) await worksOn(place)
        for (const [own, list] of await Promise.all(lists)) assert.equal(list.some(({ id }) => id === own), kind.late !== true)
      })
    })

    it('reset() of a session whose turn is still to come, and of one whose turn has been', () => {
      const known: Session[] = []
      return inOneBatch(kind, (session, place, { server }) => {
        known.push(session)
        if (place === 2) known[0]?.reset()
        if (place === 2) server.endSession(session.id + 1, 'reset') // nobody's, or the next one's
      }, async ({ relay, sessions, clientOf, worksOn }) => {
        const [first] = sessions
        assert(first)
        await clientOf(first).readAll()
        await worksOn(2)
        if (kind.late !== true && kind.provokedBy !== 'end') assert.ok((await relay.closes()).some(({ session, reason }) => session === first.id && reason === 'resetByHandler'))
      })
    })

    it('serve(): another server, used and closed while this one goes on', () => {
      const others: Promise<Server>[] = []
      return inOneBatch(kind, () => { others.push(serve(pipe(anywhere, echo()), { thread: others.length % 2 === 0 ? 'own' : 'embedded' })) }, async ({ worksOn }) => {
        for (const server of await Promise.all(others)) {
          const client = await connect(server.addresses[0]?.text ?? '')
          await client.end('through another')
          assert.equal((await client.readAll()).text, 'through another')
          await server.close({ drainMs: 0 })
        }
        for (let place = 0; place < batchSize; place++) await worksOn(place)
      })
    })
  })
}

describe('a stream handler may', () => {
  const large = Buffer.alloc(3 << 20)
  for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

  it('write more in drain than may wait, again and again: every byte comes, in order', async () => {
    let [left, depth, deepest] = [large, 0, 0]
    const more = (session: StreamSession): undefined => {
      deepest = Math.max(deepest, ++depth)
      let wait = false
      while (left.length > 0 && !wait) {
        wait = session.write(left.subarray(0, 50_000))
        left = left.subarray(50_000)
      }
      if (left.length === 0) session.end()
      depth--
    }
    await withRelay(pipe(anywhere, highWater(65_536), stream({ open: more, data: () => undefined, drain: more })), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      assert.equal((await client.readAll()).sha256, sha256(large))
      await client.end()
      assert.equal((await relay.close()).reason, 'finished')
      assert.equal(deepest, 1, 'drain is not called from within write')
    })
  })

  it('write to other sessions, also to those that come later in the batch', async () => {
    const all = new Set<StreamSession>()
    const room = stream({
      open: (session) => void all.add(session),
      data: (_session, chunk) => { for (const other of all) other.write(chunk) },
      close: (session) => void all.delete(session),
    })
    await withRelay(pipe(anywhere, room), { debug: true }, async (relay) => {
      const clients = await Promise.all(Array.from({ length: 20 }, () => connect(relay.address)))
      await until(() => all.size === clients.length, 'all to be in the room')
      for (const [i, client] of clients.entries()) client.socket.write(String.fromCharCode(97 + i))
      const heard = await Promise.all(clients.map(async (client) => (await client.read(clients.length)).toString()))
      assert.equal(Array.from(heard[0] ?? '').sort().join(''), 'abcdefghijklmnopqrst')
      assert.equal(new Set(heard).size, 1, 'all hear the same, in the same order')
    })
  })

  it('write to a session of another server, which writes back', async () => {
    let far: StreamSession | undefined
    let near: StreamSession | undefined
    const away = stream({ open: (session) => { far = session }, data: (_session, chunk) => void near?.write(chunk) })
    const here = stream({ open: (session) => { near = session }, data: (_session, chunk) => void far?.write(chunk) })
    await withRelay(pipe(anywhere, away), { debug: true }, async (second) => withRelay(pipe(anywhere, here), { debug: true }, async (first) => {
      const [one, other] = [await connect(first.address), await connect(second.address)]
      await until(() => far !== undefined && near !== undefined, 'both')
      await one.send('ping')
      assert.equal((await other.read(4)).toString(), 'ping')
      await other.send('pong')
      assert.equal((await one.read(4)).toString(), 'pong')
    }))
  })

  it('end, pause and resume in the handler of any of them', async () => {
    const handlers = stream({
      open: (session) => { session.pause(); session.write('one '); session.resume() },
      data: (session, chunk) => { session.pause(); session.write(chunk); session.resume(); session.pause(); setImmediate(() => { session.resume() }) },
      end: (session) => { session.resume(); session.end(' two') },
      close: (session) => { session.end(); session.resume(); session.pause(); session.close() },
    })
    await withRelay(pipe(anywhere, handlers), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      await client.end(large)
      const { sha256: digest } = await client.readAll()
      assert.equal(digest, sha256(Buffer.from('one '), large, Buffer.from(' two')))
      assert.equal((await relay.close()).reason, 'finished')
    })
  })

  it('write in close and get nothing but the news that it is over', async () => {
    const answers: boolean[] = []
    await withRelay(pipe(anywhere, stream({ data: () => undefined, close: (session) => void answers.push(session.write('too late')) })), { debug: true }, async (relay) => {
      await (await connect(relay.address)).end()
      await relay.close()
      assert.deepEqual(answers, [true])
    })
  })

  it('write in a transform of its own session', async () => {
    let writes = 0
    let inner: StreamSession | undefined
    const stage = transform({ toDownstream: (chunk, session) => {
      if (writes++ === 0 && inner?.id === session.id) inner.write('inner ')
      return chunk
    } })
    await withRelay(pipe(anywhere, stage, stream({ open: (session) => { inner = session }, data: (session, chunk) => void session.write(chunk) })), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      await client.end('outer')
      assert.equal((await client.readAll()).text, 'inner outer')
    })
  })
})
