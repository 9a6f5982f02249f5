/** A handler that takes its time: the sessions of its thread wait for it, those of the other thread do not, and nobody is ended for it. */
import assert from 'node:assert/strict'
import { Worker } from 'node:worker_threads'
import { echo, idleTimeout, inspect, listen as from, pass, pipe, tcp } from '../../lib/index.ts'
import { batchSize, handlerKinds, inOneBatch } from '../support/handler-kinds.ts'
import { connect } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { until, within } from '../support/until.ts'

const slowMs = 300
const bell = new Int32Array(new SharedArrayBuffer(4))
/** Nothing else runs on this thread meanwhile. */
const block = (): void => void Atomics.wait(bell, 0, 0, slowMs)

for (const kind of handlerKinds) {
  describe(`${kind.name}, slow`, () => {
    it(`for ${slowMs} ms: the others of its batch wait, and then go on`, () => {
      const times: number[] = []
      return inOneBatch(kind, (_session, place) => {
        if (place === 1) block()
        times.push(performance.now())
      }, async ({ relay, sessions, worksOn }) => {
        for (const place of sessions.keys()) await worksOn(place)
        const waited = (times[2] ?? 0) - (times[0] ?? 0)
        assert.ok(waited >= slowMs - 1, `${waited} ms`)
        const reasons = new Set((await relay.closes(batchSize)).map(({ reason }) => reason))
        assert.deepEqual(reasons, new Set([kind.late === true ? 'resetByDownstream' : 'finished']))
      })
    })
  })
}

describe(`while a handler blocks the JS thread for ${slowMs} ms`, () => {
  it('a pipeline on its own thread, in the same process and server, goes on', async () => {
    const rounds = new Int32Array(new SharedArrayBuffer(4))
    let during = 0
    const slow = inspect(() => {
      const before = Atomics.load(rounds, 0)
      for (let times = 0; times < 8 && (times === 0 || Atomics.load(rounds, 0) - before < 10); times++) block()
      during = Atomics.load(rounds, 0) - before
      return pass()
    })
    await withRelay([pipe(from(tcp('127.0.0.1:0')), slow, echo()), pipe(from(tcp('127.0.0.1:0')), echo())], {}, async (relay) => {
      const client = new Worker(pingPong, { eval: true, workerData: { rounds, port: Number(relay.addressOf(1).split(':').at(-1)) } })
      try {
        await until(() => Atomics.load(rounds, 0) > 0, 'the first round trip')
        const one = await connect(relay.address)
        await one.send('hello')
        assert.equal((await one.read(5)).toString(), 'hello')
        console.log(`      ${during} round trips meanwhile`)
        assert.ok(during >= 10, `${during} round trips`)
      } finally {
        await client.terminate()
      }
    })
  })

  it('those who came and left meanwhile are served, and counted', async () => {
    let calls = 0
    const slow = inspect(() => {
      if (calls++ === 0) block()
      return pass()
    })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), slow, echo()), { debug: true }, async (relay) => {
      const visitors = new Worker(visits, { eval: true, workerData: { count: 50, port: Number(relay.address.split(':').at(-1)) } })
      const echoed = await within(new Promise<unknown>((resume) => visitors.once('message', resume)), 'the visitors to be served')
      assert.equal(echoed, 50)
      assert.deepEqual(new Set((await relay.closes(50)).map(({ reason }) => reason)), new Set(['finished']))
    })
  })

  it('a session that has been idle for no longer than its timeout allows is not ended when it is over, if bytes have come', async () => {
    const slow = inspect((head) => {
      if (head.includes('slow')) block()
      return pass()
    })
    await withRelay(pipe(from(tcp('127.0.0.1:0')), slow, idleTimeout(slowMs + 200), echo()), { debug: true }, async (relay) => {
      const quick = await connect(relay.address)
      await quick.send('quick')
      await quick.read(5)
      const late = await connect(relay.address)
      late.socket.write('slow')
      quick.socket.write('again')
      assert.equal((await quick.read(5)).toString(), 'again')
      assert.equal((await late.read(4)).toString(), 'slow')
      assert.equal(relay.server.ledger().sessions.open, 2)
    })
  })
})

const pingPong = `
  const { workerData: { rounds, port } } = require('node:worker_threads')
  const socket = require('node:net').connect({ port, host: '127.0.0.1', noDelay: true }, () => socket.write('x'))
  socket.on('data', () => { Atomics.add(rounds, 0, 1); socket.write('x') })`

const visits = `
  const { parentPort, workerData: { count, port } } = require('node:worker_threads')
  let [echoed, gone] = [0, 0]
  for (let i = 0; i < count; i++) {
    const socket = require('node:net').connect({ port, host: '127.0.0.1' }, () => socket.end('x'))
    socket.on('data', () => echoed++).on('close', () => { if (++gone === count) parentPort.postMessage(echoed) })
  }`
