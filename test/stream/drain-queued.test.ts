/** Who has finished the handshake when the server closes has been let in, as far as he knows: he is served, though never accepted before. */
import assert from 'node:assert/strict'
import { echo, listen as from, pipe, tcp } from '../../lib/index.ts'
import { child, plainEnv } from '../support/child.ts'
import { establishedAt } from '../support/kernel.ts'
import { withRelay } from '../support/relay.ts'

const clients = 300

const script = `
  let open = ${clients}, served = 0
  for (let i = 0; i < ${clients}; i++) {
    const socket = require('node:net').connect(Number(process.argv[1]), '127.0.0.1')
    socket.on('connect', () => socket.write('x')).on('data', () => { served++; socket.end() }).on('error', () => {})
    socket.on('close', () => { if (--open === 0) console.log('served ' + served) })
  }`

describe('closing the server with arrivals not yet accepted', () => {
  it(`${clients} that connected while the event loop was busy are all served`, async () => {
    await withRelay(pipe(from(tcp('127.0.0.1:0')), echo()), { thread: 'embedded' }, async (relay) => {
      const port = relay.server.addresses[0]?.port ?? 0
      await using others = child(process.execPath, ['-e', script, String(port)], { env: plainEnv() })
      // Nothing is accepted in here: the loop that would do it is the one that this keeps busy.
      const nap = new Int32Array(new SharedArrayBuffer(4))
      const deadline = performance.now() + 15_000
      while (establishedAt(port) < clients && performance.now() < deadline) Atomics.wait(nap, 0, 0, 5)
      assert.equal(establishedAt(port), clients)
      assert.equal(relay.server.ledger().sessions.accepted, 0)
      await relay.server.close({ drainMs: 20_000 })
      const [, served] = await others.line(/served (\d+)/)
      assert.equal(Number(served), clients)
      assert.equal(relay.server.ledger().reasons.finished, clients)
    })
  })
})
