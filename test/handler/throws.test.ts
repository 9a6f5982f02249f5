/** Pitfall 24: a throw in a callback must not abort the process, be swallowed, or cost anybody else in the batch their turn. */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp, type RelayEvent, type Session } from '../../lib/index.ts'
import { batchSize, handlerKinds, inOneBatch, places, type HandlerKind } from '../support/handler-kinds.ts'
import { connect } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

/** The handler throws for the session in this place; all others of its batch go on. */
async function throwsAt(kind: HandlerKind, bad: number, thrown: unknown, message: string): Promise<void> {
  const errors: (readonly [unknown, Session | undefined])[] = []
  const onError = (error: unknown, session: Session | undefined): void => void errors.push([error, session])
  const act = (_session: Session, place: number): void => {
    if (place === bad) throw thrown
  }
  await inOneBatch(kind, act, async ({ relay, sessions, clientOf, worksOn }) => {
    const failed = sessions[bad]
    assert(failed)
    await until(() => errors.length > 0, 'the error to be told')
    assert.deepEqual(errors, [[thrown, failed]])
    const ending = (await clientOf(failed).readAll()).ending
    for (const place of sessions.keys()) if (place !== bad) await worksOn(place)
    const closes = await relay.closes(batchSize)
    const [close, ...more] = closes.filter(({ session }) => session === failed.id)
    assert(close && more.length === 0)
    if (kind.late === true) {
      assert.deepEqual(new Set(closes.map(({ reason }) => reason)), new Set(['resetByDownstream']))
    } else {
      assert.deepEqual([close.reason, close.message], ['handlerError', message])
      // A reset right behind bytes is an end to libuv, which takes EPOLLHUP after a short read for one.
      if (kind.before <= 5) assert.equal(ending, 'reset')
      assert.deepEqual(closes.filter((other) => other !== close).map(({ reason }) => reason), Array(batchSize - 1).fill('finished'))
    }
    assert.equal(errors.length, 1)
  }, { onError })
}

const things: readonly (readonly [thing: unknown, message: string])[] = [
  [null, 'null'],
  [undefined, 'undefined'],
  ['just text', "'just text'"],
  [Object.create(null), '[Object: null prototype] {}'],
]

for (const kind of handlerKinds) {
  describe(`a throw in ${kind.name}`, () => {
    for (const [name, place] of places) {
      it(`ends only its session, the ${name} of its batch`, () => throwsAt(kind, place, new Error('no such luck'), 'no such luck'))
    }
    for (const [thing, message] of things) {
      it(`may be of ${message}`, () => throwsAt(kind, 2, thing, message))
    }
  })
}

describe('a throw in onEvents', () => {
  for (const [name, bad] of [['first', 0], ['second', 1], ['third', 2]] as const) {
    it(`at the ${name} batch is told without a session; sessions and later batches do not notice`, async () => {
      const errors: (readonly [unknown, Session | undefined])[] = []
      const batches: (readonly RelayEvent[])[] = []
      const onEvents = (batch: readonly RelayEvent[]): void => {
        batches.push(batch)
        if (batches.length === bad + 1) throw new Error('the log is full')
      }
      await withRelay(pipe(from(tcp('127.0.0.1:0')), echo()), { onEvents, onError: (...told) => void errors.push(told), thread: 'embedded' }, async (relay) => {
        for (let i = 0; i < 3; i++) {
          const before = batches.length
          const clients = await Promise.all(Array.from({ length: batchSize }, () => connect(relay.address)))
          await Promise.all(clients.map((client) => client.end('hello')))
          for (const client of clients) assert.equal((await client.readAll()).text, 'hello')
          await until(() => batches.slice(before).flat().filter(({ type }) => type === 'close').length === batchSize, 'the close events')
        }
        assert.deepEqual(errors.map(([error, session]) => [String(error), session]), [['Error: the log is full', undefined]])
        const events = batches.flat()
        assert.deepEqual([events.length, new Set(events.map((event) => event.type === 'notice' ? event.code : `${event.type} ${event.session}`)).size], [6 * batchSize, 6 * batchSize])
      })
    })
  }
})

describe('a throw in onError itself', () => {
  it('goes to stderr, and ends nothing', async () => {
    const [kind] = handlerKinds
    assert(kind)
    const written: string[] = []
    const write = process.stderr.write.bind(process.stderr)
    process.stderr.write = (text: string | Uint8Array) => { written.push(String(text)); return true }
    try {
      const onError = (): void => { throw new Error('worse') }
      await inOneBatch(kind, (_session, place) => { if (place === 1) throw new Error('bad') }, async ({ relay, worksOn }) => {
        for (const place of [0, 2, 3, 4]) await worksOn(place)
        assert.equal((await relay.closes(batchSize)).filter(({ reason }) => reason === 'handlerError').length, 1)
      }, { onError })
    } finally {
      process.stderr.write = write
    }
    assert.match(written.join(''), /session \d+ of 127\.0\.0\.1:\d+: Error: bad[^]*Error: worse/)
  })
})
