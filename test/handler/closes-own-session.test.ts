/** Pitfall 9 from above: a handler ends the session it is called for, in the middle of a batch that has more to say about it. */
import assert from 'node:assert/strict'
import { listen as from, pipe, stream, tcp, transform, type Session } from '../../lib/index.ts'
import { batchSize, handlerKinds, inOneBatch, places } from '../support/handler-kinds.ts'
import { connect } from '../support/peers.ts'
import { withRelay, type TestRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

type Way = { readonly reason: string; readonly end: (session: Session, relay: TestRelay) => void }

const ways: Readonly<Record<string, Way>> = {
  'close()': { reason: 'closedByHandler', end: (session) => { session.close() } },
  'reset()': { reason: 'resetByHandler', end: (session) => { session.reset() } },
  'close(), then reset(), then close()': { reason: 'closedByHandler', end: (session) => { session.close(); session.reset(); session.close() } },
  'endSession() of the server': { reason: 'resetByHandler', end: (session, { server }) => { server.endSession(session.id, 'reset') } },
  'close(), and then a throw': { reason: 'closedByHandler', end: (session) => { session.close(); throw new Error('after the end') } },
}

for (const kind of handlerKinds) {
  describe(`${kind.name}: a handler that ends its own session`, () => {
    for (const [what, way] of Object.entries(ways)) {
      for (const [name, own] of places) {
        it(`by ${what}, the ${name} of its batch`, () => inOneBatch(kind, (session, place, relay) => { if (place === own) way.end(session, relay) }, async ({ relay, sessions, clientOf, worksOn }) => {
          const ended = sessions[own]
          assert(ended)
          const client = clientOf(ended)
          await client.readAll()
          client.destroy()
          for (const place of sessions.keys()) if (place !== own) await worksOn(place)
          const closes = await relay.closes(batchSize)
          const reasonOf = ({ id }: Session): string | undefined => closes.find(({ session }) => session === id)?.reason
          const rest = kind.late === true ? 'resetByDownstream' : 'finished'
          assert.deepEqual(sessions.map(reasonOf), sessions.map((_, place) => (place === own && kind.late !== true ? way.reason : rest)))
        }, { onError: () => undefined }))
      }
    }
  })
}

describe('a handler that ends its own session', () => {
  it('is not called for it again: not for bytes, not for the end, once for close', async () => {
    const calls: string[] = []
    const handlers = stream({
      open: (session) => { calls.push('open'); session.write('bye'); session.close() },
      data: () => void calls.push('data'),
      end: () => void calls.push('end'),
      close: (_session, { reason }) => void calls.push(`close ${reason}`),
    })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), handlers), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      const { text, ending } = await client.readAll()
      assert.deepEqual({ text, ending }, { text: 'bye', ending: 'fin' })
      await client.end('more')
      await relay.close()
      await until(() => calls.length > 1, 'close to be called')
      assert.deepEqual(calls, ['open', 'close closedByHandler'])
    })
  })

  it('can do nothing more to it, and is not punished for trying', async () => {
    const seen: unknown[] = []
    const errors: unknown[] = []
    const handlers = stream({ data: (session) => {
      session.reset()
      seen.push(session.write('lost'), session.pendingBytes)
      session.end('lost')
      session.pause()
      session.resume()
      session.close()
    } })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), handlers), { debug: true, onError: (error) => void errors.push(error) }, async (relay) => {
      const client = await connect(relay.address)
      await client.send('hello')
      assert.deepEqual([(await client.readAll()).ending, (await relay.close()).reason], ['reset', 'resetByHandler'])
      assert.deepEqual([seen, errors], [[true, 0], []])
    })
  })

  it('in a transform: the chunk that it returns all the same goes nowhere', async () => {
    const stage = transform({ toUpstream: (chunk, session) => { session.close(); return chunk } })
    let got = 0
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stage, stream({ data: (_session, chunk) => { got += chunk.length } })), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      await client.end('hello')
      assert.equal((await client.readAll()).ending, 'fin')
      assert.deepEqual([(await relay.close()).reason, got], ['closedByHandler', 0])
    })
  })

  it('a thousand sessions in one go, each at once', async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), stream({ open: (session) => { session.reset() }, data: () => undefined })), { debug: true }, async (relay) => {
      const endings = await Promise.all(Array.from({ length: 1_000 }, async () => (await (await connect(relay.address)).readAll()).ending))
      assert.deepEqual(new Set(endings), new Set(['reset']))
      assert.deepEqual(new Set((await relay.closes(1_000)).map(({ reason }) => reason)), new Set(['resetByHandler']))
    })
  })
})
