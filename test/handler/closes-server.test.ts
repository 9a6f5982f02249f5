/** The relay is closed from within the crossing that it is making. */
import assert from 'node:assert/strict'
import net from 'node:net'
import { echo, listen as from, pipe, serve, stream, tcp, type Server } from '../../lib/index.ts'
import { batchSize, handlerKinds, inOneBatch, places } from '../support/handler-kinds.ts'
import { connect, destination, destroyPeers } from '../support/peers.ts'
import { checkLedger } from '../support/relay.ts'
import { until, within } from '../support/until.ts'

for (const kind of handlerKinds) {
  describe(`${kind.name}: a handler that closes the server`, () => {
    for (const [name, closer] of places) {
      it(`at once, the ${name} of its batch: every session ends, and all is closed and told`, () => inOneBatch(kind, (_session, place, { server }) => { if (place === closer) void server.close({ drainMs: 0 }) }, async ({ relay }) => {
        await within(relay.server.closed, 'the server to be closed')
        const reasons = new Set((await relay.closes(batchSize)).map(({ reason }) => reason))
        // A session that was answered its FIN before is finished.
        if (kind.provokedBy === 'end') reasons.delete('finished')
        assert.deepEqual(reasons, new Set([kind.late === true ? 'resetByDownstream' : 'serverClosed']))
        assert.deepEqual(await relay.server.sessions(), [])
        checkLedger(relay.server)
      }))
    }

    it('with time to drain: nobody else comes in, and those who are in go on', () => inOneBatch(kind, (_session, place, { server }) => { if (place === 2) void server.close() }, async ({ relay, sessions, worksOn }) => {
      if (kind.late !== true) await refused(relay.address)
      for (const place of sessions.keys()) await worksOn(place)
      await destroyPeers()
      await within(relay.server.closed, 'the server to be closed')
      const { reasons } = relay.server.ledger()
      assert.equal(kind.late === true ? reasons.resetByDownstream : reasons.finished, batchSize, JSON.stringify(reasons))
    }))

    it('again and again, with less and less time', () => inOneBatch(kind, (_session, place, { server }) => { void server.close({ drainMs: 10_000 * (batchSize - 1 - place) }) }, async ({ relay }) => {
      await within(relay.server.closed, 'the server to be closed')
      checkLedger(relay.server)
    }))

    it('and throws', () => inOneBatch(kind, (_session, place, { server }) => {
      if (place !== 2) return
      void server.close({ drainMs: 0 })
      throw new Error('and now this')
    }, async ({ relay }) => {
      await within(relay.server.closed, 'the server to be closed')
      assert.equal(relay.server.ledger().sessions.closed, batchSize)
    }, { onError: () => undefined }))
  })
}

describe('a handler that closes the server', () => {
  it('in onEvents, at the first open and at the first close', async () => {
    for (const type of ['open', 'close']) {
      const onEvents = (batch: readonly { readonly type: string }[]): void => {
        if (batch.some((event) => event.type === type)) void server.close({ drainMs: 0 })
      }
      const server: Server = await serve(pipe(from(tcp('127.0.0.1:0')), echo()), { thread: 'embedded', debug: true, onEvents })
      const client = await connect(server.addresses[0]?.text ?? '')
      if (type === 'close') await client.end()
      await within(server.closed, 'the server to be closed')
      checkLedger(server)
    }
  })

  it('in close, which the closing of the server has called', async () => {
    let calls = 0
    const handlers = stream({ data: () => undefined, close: () => { calls++; void server.close({ drainMs: 0 }) } })
    const server: Server = await serve(pipe(from(tcp('127.0.0.1:0')), handlers), { debug: true })
    const address = server.addresses[0]?.text ?? ''
    await Promise.all(Array.from({ length: batchSize }, () => connect(address)))
    await until(() => server.ledger().sessions.open === batchSize, 'the sessions')
    await within(server.close({ drainMs: 0 }), 'the server to be closed')
    assert.equal(calls, batchSize)
  })

  it('and serves the same address at once', async () => {
    let next: Promise<Server> | undefined
    const server: Server = await serve(pipe(from(tcp('127.0.0.1:0')), stream({ data: () => {
      void server.close({ drainMs: 0 })
      next = serve(pipe(from(tcp(address)), echo()), { thread: 'embedded' })
    } })), { debug: true })
    const address = server.addresses[0]?.text ?? ''
    await (await connect(address)).send('hello')
    await within(server.closed, 'the first to be closed')
    assert(next)
    await using second = await next
    const client = await connect(address)
    await client.send('here already')
    assert.equal((await client.read(12)).toString(), 'here already')
    assert.equal(second.addresses[0]?.text, address)
  })

  afterEach(destroyPeers)
})

function refused(address: string): Promise<void> {
  const socket = net.connect(destination(address))
  return within(new Promise((resume, refuse) => {
    socket.once('connect', () => { refuse(new Error('somebody else came in')) })
    socket.once('error', (error: NodeJS.ErrnoException) => { if (error.code === 'ECONNREFUSED') resume(); else refuse(error) })
  }), 'the refusal')
}
