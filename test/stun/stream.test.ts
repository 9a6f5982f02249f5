/** STUN over a stream: messages in pieces, one behind another, and what is no STUN. */
import assert from 'node:assert/strict'
import { listen as from, pipe, stun, tcp, unix } from '../../lib/index.ts'
import { connect } from '../support/peers.ts'
import { threads, withRelay } from '../support/relay.ts'
import { temporaryFolder } from '../support/programs.ts'
import { asker, mappedIn, parse, refilled, request, success } from '../support/stun.ts'
import { until } from '../support/until.ts'

const pipeline = pipe(from(tcp('127.0.0.1:0')), stun())
const questions = [request(), request({ attributes: [[0x7fff, Buffer.alloc(4)]] }), request({ fingerprint: 'right' })]
const all = Buffer.concat(questions)
const answered = 32 + 36 + 40

for (const thread of threads) {
  describe(`STUN over a stream, ${thread} thread`, () => {
    it('three requests are answered wherever the stream is cut, and the server leaves the end to the client', async () => {
      await withRelay(pipeline, { thread }, async (relay) => {
        for (let cut = 1; cut < all.length; cut++) {
          const peer = await connect(relay.address)
          await peer.send(all.subarray(0, cut))
          const [first] = questions
          assert(first)
          const whole = questions.filter((_, i) => Buffer.concat(questions.slice(0, i + 1)).length <= cut).length
          await until(() => peer.bytesRead() === [0, 32, 68, answered][whole], `${whole} answers before byte ${cut}`)
          await peer.send(all.subarray(cut))
          await until(() => peer.bytesRead() === answered, `all answers, cut at ${cut}`)
          await peer.end()
          assert.deepEqual({ ...(await peer.readAll()), sha256: '', text: '' }, { bytes: answered, sha256: '', text: '', ending: 'fin', errno: undefined })
        }
        await relay.closes(all.length - 1)
        assert.equal(relay.server.ledger().reasons.finished, all.length - 1)
      })
    })

    it('byte by byte', async () => {
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await connect(relay.address)
        for (const byte of all) await peer.send(Buffer.of(byte))
        await until(() => peer.bytesRead() === answered, 'all answers')
        await peer.end()
        assert.equal((await relay.close()).reason, 'finished')
        const { toUpstream, toDownstream } = relay.server.ledger()
        assert.deepEqual([toUpstream.consumed, toDownstream.sent], [all.length, answered])
      })
    })

    it('ten thousand at once, more than one read has', async () => {
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.end(Buffer.concat(Array.from({ length: 10_000 }, () => request())))
        assert.equal((await peer.readAll()).bytes, 10_000 * 32)
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    it('a client that does not read its answers is not read from, and gets all of them later', async () => {
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await connect(relay.address, { paused: true })
        const sent = peer.end(Buffer.concat(Array.from({ length: 500_000 }, () => questions[0] ?? Buffer.alloc(0))))
        await until(() => relay.server.ledger().toDownstream.pending > 0, 'answers to wait')
        peer.resume()
        await sent
        assert.equal((await peer.readAll()).bytes, 500_000 * 32)
        assert.equal((await relay.close()).reason, 'finished')
      })
    })

    for (const [what, bytes] of [
      ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
      ['a header without the cookie', request({ cookie: 0x2112a443 })],
      ['a length that is no multiple of four', request({ length: 2 })],
      ['a message that is longer than any request', request({ length: 4_096 })],
    ] as const) {
      it(`${what}: the answers before it arrive, then the end, and the session is malformed`, async () => {
        await withRelay(pipeline, { thread }, async (relay) => {
          const peer = await connect(relay.address)
          const question = request()
          await peer.send(Buffer.concat([question, bytes]))
          const { bytes: got, ending } = await peer.readAll()
          assert.deepEqual([got, ending], [32, 'fin'])
          await peer.end()
          assert.equal((await relay.close()).reason, 'malformed')
        })
      })
    }

    it('ratePerAddress: what is not answered costs nothing', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), stun({ ratePerAddress: 2 })), { thread }, async (relay) => {
        const silent = [request({ type: 0x0011 }), request({ fingerprint: 'wrong' })]
        assert.equal((await (await asker('tcp', relay.address)).ask(...silent, ...silent, request())).length, 1)
      })
    })

    it('ratePerAddress: who asks beyond it gets the answers before, then a reset, and the session is limited', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), stun({ ratePerAddress: 3 })), { thread }, async (relay) => {
        const peer = await connect(relay.address)
        const began = performance.now()
        await peer.send(request())
        await peer.read(32)
        await peer.send(Buffer.concat([request(), request()]))
        await peer.read(64)
        await peer.send(Buffer.concat(Array.from({ length: 20 }, () => request())))
        const { bytes, ending } = await peer.readAll()
        const more = refilled(3, began)
        assert.equal(ending, 'reset')
        assert.equal((await relay.close()).reason, 'limited')
        const { toUpstream, toDownstream } = relay.server.ledger()
        assert.equal(toUpstream.consumed, 23 * 20)
        // A reset takes with it what has not been read.
        assert.ok(bytes >= 3 * 32 && bytes <= toDownstream.sent && toDownstream.sent <= (3 + more) * 32, `${bytes} of ${toDownstream.sent} bytes, for ${more} answers more there was time`)
      })
    })

    it('ratePerAddress: the answers that it affords of what comes at once are sent', async () => {
      await withRelay(pipe(from(tcp('127.0.0.1:0')), stun({ ratePerAddress: 3 })), { thread }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.send(Buffer.concat(Array.from({ length: 5 }, () => request())))
        await peer.readAll()
        assert.equal((await relay.close()).reason, 'limited')
        assert.equal(relay.server.ledger().toDownstream.sent, 3 * 32)
      })
    })

    it('half a request and an end: no answer, and the session is finished', async () => {
      await withRelay(pipeline, { thread }, async (relay) => {
        const peer = await connect(relay.address)
        await peer.end(request().subarray(0, 13))
        assert.equal((await peer.readAll()).bytes, 0)
        assert.equal((await relay.close()).reason, 'finished')
      })
    })
  })
}

describe('STUN over a stream', () => {
  it('an IPv4 client of a dual-stack listener is told its IPv4 address', async () => {
    await withRelay(pipe(from(tcp('[::]:0')), stun()), {}, async (relay) => {
      const peer = await connect(relay.address.replace('[::]', '127.0.0.1'))
      const chunks: Buffer[] = []
      peer.socket.on('data', (chunk: Buffer) => chunks.push(chunk))
      await peer.send(request())
      await until(() => peer.bytesRead() === 32, 'the answer')
      const answer = parse(Buffer.concat(chunks))
      assert.deepEqual([answer.type, mappedIn(answer)], [success, `127.0.0.1:${peer.socket.localPort}`])
    })
  })

  it('over a Unix socket there is no address to tell: silence', async () => {
    using folder = temporaryFolder()
    await withRelay(pipe(from(unix(`${folder.path}/stun.sock`)), stun()), {}, async (relay) => {
      const peer = await connect(`${folder.path}/stun.sock`)
      await peer.end(request())
      assert.equal((await peer.readAll()).bytes, 0)
      assert.equal((await relay.close()).reason, 'finished')
    })
  })
})
