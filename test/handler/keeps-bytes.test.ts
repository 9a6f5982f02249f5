/** Pitfall 26: what a handler keeps. A view is valid until the handler returns, and harmless after that; a copy stays what it was. */
import assert from 'node:assert/strict'
import { MessageChannel } from 'node:worker_threads'
import { choose, decide, echo, listen as from, pass, pipe, stream, tcp, transform, type StreamSession } from '../../lib/index.ts'
import { child, root } from '../support/child.ts'
import { connect, sha256 } from '../support/peers.ts'
import { withRelay } from '../support/relay.ts'
import { until } from '../support/until.ts'

const anywhere = from(tcp('127.0.0.1:0'))
const large = Buffer.alloc(8 << 20)
for (let at = 0; at < large.length; at += 4) large.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)

describe('a handler that keeps the bytes', () => {
  it('every view that it was given, while garbage is collected all the time and when the relay is gone: copies are as they were, and nothing crashes', async () => {
    await using program = child(process.execPath, ['--expose-gc', '--import', 'tsx', `${root}test/support/keeps-bytes-child.ts`])
    const { code, signal } = await program.exited
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, program.stderr())
    const [, views, copies, heads] = /^kept (\d+) views of \d+ bytes, (\d+) copies, (\d+) heads, 0 changed$/m.exec(program.stdout()) ?? []
    assert.ok(Number(views) > 100 && Number(copies) > 10 && heads === '30', program.stdout())
    console.log(`      ${program.stdout().trim()}`)
  })

  it('the head of decide and of choose, which is a copy: it is the same when they answer later', async () => {
    const seen: string[] = []
    const later = async (head: Buffer): Promise<void> => {
      for (let turns = 0; turns < 20; turns++) await new Promise((resume) => setImmediate(resume))
      seen.push(head.toString())
    }
    const decided = decide({ minBytes: 4 }, async (head) => { await later(head); return pass() })
    const chosen = choose({ on: echo() }, { minBytes: 4 }, async (head) => { await later(head); return 'on' as const })
    await withRelay(pipe(anywhere, decided, chosen), { debug: true }, async (relay) => {
      const names = ['abcd', 'efgh', 'ijkl', 'mnop']
      await Promise.all(names.map(async (name) => {
        const client = await connect(relay.address)
        await client.end(name)
        assert.equal((await client.readAll()).text, name)
      }))
      assert.deepEqual(seen.sort(), names.flatMap((name) => [name, name]))
    })
  })

  it('what it has written may be changed at once, although it is still pending', async () => {
    const bytes = Buffer.from(large)
    const handlers = stream({ open: (session) => { session.end(bytes); bytes.fill(0) }, data: () => undefined })
    await withRelay(pipe(anywhere, handlers), { debug: true }, async (relay) => {
      const client = await connect(relay.address, { paused: true })
      await until(() => relay.server.ledger().toDownstream.pending > 0, 'bytes to wait')
      client.resume()
      assert.equal((await client.readAll()).sha256, sha256(large))
    })
  })

  it('a chunk that it writes back as it is, to a reader that is late, is copied in time', async () => {
    await withRelay(pipe(anywhere, stream({ data: (session, chunk) => void session.write(chunk) })), { debug: true }, async (relay) => {
      const client = await connect(relay.address, { paused: true })
      const sent = client.end(large)
      await until(() => relay.server.ledger().toDownstream.pending > 0, 'bytes to wait')
      client.resume()
      await sent
      assert.equal((await client.readAll()).sha256, sha256(large))
    })
  })

  it('a part of a chunk instead of the whole: that part goes on', async () => {
    await withRelay(pipe(anywhere, transform({ toUpstream: (chunk) => chunk.subarray(1) }), echo()), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      await client.end('xabc')
      assert.equal((await client.readAll()).text, 'abc')
    })
  })

  it('writes memory that is shared, gone, or smaller than it was: as much as there is of it', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2)).fill(65)
    const gone = new Uint8Array(64)
    structuredClone(gone.buffer, { transfer: [gone.buffer] })
    const handlers = stream({ data: (session: StreamSession) => {
      session.write(shared)
      session.write(gone)
      session.end('B')
    } })
    await withRelay(pipe(anywhere, handlers), { debug: true }, async (relay) => {
      const client = await connect(relay.address)
      await client.end('x')
      assert.equal((await client.readAll()).text, 'AAB')
    })
  })

  const transfer: unknown = Reflect.get(ArrayBuffer.prototype, 'transfer') // Node 20 has none
  if (typeof transfer === 'function') it('detaches the memory under a view: that is refused, and the relay goes on', async () => {
    const refusals: unknown[] = []
    const handlers = stream({ data: (session, chunk) => {
      try {
        Reflect.apply(transfer, chunk.buffer, [])
      } catch (error) {
        refusals.push(error)
      }
      session.write(chunk)
    } })
    await withRelay(pipe(anywhere, handlers), { debug: true }, async (relay) => {
      for (const text of ['first', 'second', 'third']) {
        const client = await connect(relay.address)
        await client.end(text)
        assert.equal((await client.readAll()).text, text)
      }
    })
    assert.equal(refusals.length, 3)
    for (const refusal of refusals) assert.ok(refusal instanceof TypeError)
  })

  it('gives the memory under a view away to another thread: it stays where it is, and the relay goes on', async () => {
    const { port1, port2 } = new MessageChannel()
    const handlers = stream({ data: (session, chunk) => {
      try {
        port1.postMessage(chunk, [memoryOf(chunk)])
      } catch {
        // Node says that it cannot be had; older versions send a copy.
      }
      session.write(chunk)
    } })
    try {
      await withRelay(pipe(anywhere, handlers), { debug: true }, async (relay) => {
        for (const text of ['first', 'second', 'third']) {
          const client = await connect(relay.address)
          await client.end(text)
          assert.equal((await client.readAll()).text, text)
        }
      })
    } finally {
      port1.close()
      port2.close()
    }
  })
})

function memoryOf({ buffer }: Buffer): ArrayBuffer {
  assert(buffer instanceof ArrayBuffer)
  return buffer
}
