/** pitfalls 1: closing with unsent bytes. The two seconds of the paused reader are what this is about; nothing else waits for time. */
import assert from 'node:assert/strict'
import { forward, listen as from, pipe, tcp } from '../../lib/index.ts'
import { connect, listen, sha256, type Peer } from '../support/peers.ts'
import { threads, withRelay, type Thread } from '../support/relay.ts'
import { pause, within } from '../support/until.ts'

const bytes = 50 << 20
const contents = Buffer.alloc(bytes)
for (let at = 0; at < bytes; at += 4) contents.writeUInt32LE((at * 2_654_435_761) % 2 ** 32, at)
const expected = sha256(contents)

/** What the reader does while the writer finishes. */
type Reading = (reader: Peer, writerHasFinished: Promise<void>) => Promise<void>

const pausedFromTheStart: Reading = async (reader) => {
  reader.pause()
  await pause(2_000)
}

const pausedWhenTheWriterHasFinished: Reading = async (reader, writerHasFinished) => {
  reader.resume()
  await within(writerHasFinished, 'the writer to have handed everything to its kernel')
  reader.pause()
  assert.ok(reader.bytesRead() < bytes, 'something is still on its way')
  await pause(2_000)
}

async function transfer(thread: Thread, reading: Reading): Promise<void> {
  const listener = await listen({ paused: true })
  await withRelay(pipe(from(tcp('127.0.0.1:0')), forward(tcp(listener.address))), { thread }, async (relay) => {
    const sessions = await Promise.all(['toUpstream', 'toDownstream'].map(async (direction) => {
      const downstream = await connect(relay.address, { paused: true })
      const upstream = await listener.accept()
      return direction === 'toUpstream' ? { writer: downstream, reader: upstream } : { writer: upstream, reader: downstream }
    }))
    await Promise.all(sessions.map(async ({ writer, reader }) => {
      writer.resume()
      const finished = writer.end(contents)
      await reading(reader, finished)
      reader.resume()
      await finished
      const received = await reader.readAll()
      assert.deepEqual({ bytes: received.bytes, sha256: received.sha256, ending: received.ending }, { bytes, sha256: expected, ending: 'fin' })
      await reader.end()
    }))
    for (const { reason } of await relay.closes(2)) assert.equal(reason, 'finished')
  })
}

for (const thread of threads) {
  describe(`the last bytes, ${thread} thread`, () => {
    it('50 MiB reach a reader that is paused for two seconds from the start, both directions', () => transfer(thread, pausedFromTheStart))

    it('50 MiB reach a reader that pauses for two seconds when the writer has already finished, both directions', () => transfer(thread, pausedWhenTheWriterHasFinished))
  })
}
