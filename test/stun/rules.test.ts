/** RFC 8489, rule by rule, over UDP and TCP and both families. Silence is what a plain request behind the message shows: its answer comes first. */
import assert from 'node:assert/strict'
import { listen as from, pipe, stun, tcp, udp, type Pipeline, type StunOptions } from '../../lib/index.ts'
import { droppedFor } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { asker, attributes, failure, mappedIn, parse, refusalIn, request, success, type Asker } from '../support/stun.ts'

const { changeRequest, fingerprint, integrity, mappedAddress, software, username, xorMappedAddress } = attributes
const value = (length: number): Buffer => Buffer.alloc(length, 'x')

function server(transport: 'udp' | 'tcp', host: string, options: StunOptions = {}): Pipeline<'stream'> | Pipeline<'datagram'> {
  return transport === 'udp' ? pipe(from(udp(`${host}:0`)), stun(options)) : pipe(from(tcp(`${host}:0`)), stun(options))
}

for (const transport of ['udp', 'tcp'] as const) {
  for (const host of ['127.0.0.1', '[::1]']) {
    const asking = (title: string, body: (peer: Asker) => Promise<void>, options?: StunOptions): void => {
      it(title, () => withRelay(server(transport, host, options), {}, async (relay) => body(await asker(transport, relay.address))))
    }

    describe(`STUN, rules, ${transport} ${host}`, () => {
      asking('a request is answered with the address that it came from, its transaction, and nothing else', async (peer) => {
        const question = request()
        const [answer, ...more] = await peer.ask(question)
        assert(answer)
        const read = parse(answer)
        assert.deepEqual([read.type, read.order, mappedIn(read)], [success, [xorMappedAddress], peer.address])
        assert.equal(read.transaction, question.subarray(4, 20).toString('hex'))
        assert.equal(answer.length, host === '[::1]' ? 44 : 32)
        assert.deepEqual(more, [])
      })

      asking('a retransmission is answered again', async (peer) => {
        const question = request()
        const answers = await peer.ask(question, question, question)
        assert.equal(answers.length, 3)
        for (const answer of answers) assert.deepEqual(answer, answers[0])
      })

      asking('another method is met with silence', async (peer) => {
        assert.deepEqual(await peer.ask(...[0x0002, 0x0003, 0x0004, 0x3eef].map((type) => request({ type }))), [])
      })

      asking('an indication is met with silence, with an unknown attribute or without', async (peer) => {
        assert.deepEqual(await peer.ask(request({ type: 0x0011 }), request({ type: 0x0011, attributes: [[0x7fff, value(4)]] })), [])
      })

      asking('a response is met with silence', async (peer) => {
        assert.deepEqual(await peer.ask(request({ type: success }), request({ type: failure })), [])
      })

      asking('FINGERPRINT: a right one is answered with one, a wrong one with silence', async (peer) => {
        const [answer, ...more] = await peer.ask(request({ fingerprint: 'right' }), request({ fingerprint: 'wrong' }))
        assert(answer)
        assert.deepEqual(parse(answer).order, [xorMappedAddress, fingerprint])
        assert.deepEqual(more, [])
      })

      asking('FINGERPRINT has to be the last attribute, of four bytes', async (peer) => {
        const right = request({ fingerprint: 'right', length: 8 + 8 })
        const behind = Buffer.concat([right, request({ attributes: [[software, value(4)]] }).subarray(20)])
        assert.deepEqual(await peer.ask(behind, request({ attributes: [[fingerprint, value(8)]] })), [])
      })

      asking('an unknown attribute that has to be understood is answered with 420 and its name', async (peer) => {
        const [answer] = await peer.ask(request({ attributes: [[0x7ffe, value(5)]] }))
        assert(answer)
        const read = parse(answer)
        assert.equal(read.type, failure)
        assert.deepEqual(refusalIn(read), { code: 420, unknown: [0x7ffe] })
      })

      asking('several of them are all named, and the 420 has a FINGERPRINT where the request has one', async (peer) => {
        const unknown = [0x0002, 0x7fff, 0x0040]
        const [answer] = await peer.ask(request({ attributes: [...unknown.map((type) => [type, value(4)] as const), [0x8000, value(4)]], fingerprint: 'right' }))
        assert(answer)
        assert.deepEqual(refusalIn(parse(answer)), { code: 420, unknown })
        assert.ok(parse(answer).attributes.has(fingerprint))
      })

      asking('more than a hundred of them are met with silence', async (peer) => {
        const list = (count: number): Buffer => request({ attributes: Array.from({ length: count }, () => [0x7fff, value(0)] as const) })
        const [answer, ...more] = await peer.ask(list(100), list(101))
        assert(answer)
        assert.equal(refusalIn(parse(answer)).unknown.length, 100)
        assert.deepEqual(more, [])
      })

      asking('an unknown attribute that may be ignored is', async (peer) => {
        const [answer] = await peer.ask(request({ attributes: [[0x8000, value(3)], [0xffff, value(0)]] }))
        assert(answer)
        assert.equal(parse(answer).type, success)
      })

      asking('a known attribute that is not expected is ignored', async (peer) => {
        const [answer] = await peer.ask(request({ attributes: [[xorMappedAddress, value(8)], [mappedAddress, value(8)], [username, value(7)]] }))
        assert(answer)
        assert.deepEqual([parse(answer).type, mappedIn(parse(answer))], [success, peer.address])
      })

      asking('CHANGE-REQUEST that asks for no change is answered, one that does with 420', async (peer) => {
        const asks = [0, 2, 4, 6].map((flags) => request({ attributes: [[changeRequest, Buffer.from([0, 0, 0, flags])]] }))
        const [none, ...others] = await peer.ask(...asks)
        assert(none)
        assert.equal(parse(none).type, success)
        for (const other of others) assert.deepEqual(refusalIn(parse(other)), { code: 420, unknown: [changeRequest] })
        assert.equal(others.length, 3)
      })

      asking('what follows MESSAGE-INTEGRITY is ignored', async (peer) => {
        const [answer] = await peer.ask(request({ attributes: [[integrity, value(20)], [0x7fff, value(4)]] }))
        assert(answer)
        assert.equal(parse(answer).type, success)
      })

      asking('an attribute that is longer than the message is met with silence', async (peer) => {
        const message = request({ attributes: [[username, value(4)]] })
        for (const length of [5, 8, 0xffff]) {
          message.writeUInt16BE(length, 22)
          assert.deepEqual(await peer.ask(message), [], String(length))
        }
      })

      asking('nothing is told of the software', async (peer) => {
        const [answer] = await peer.ask(request({ attributes: [[software, value(8)]] }))
        assert(answer)
        assert.ok(!parse(answer).attributes.has(software))
      })

      asking('software and fingerprint: what the options ask for is in every answer', async (peer) => {
        const answers = await peer.ask(request(), request({ attributes: [[0x7fff, value(0)]] }))
        for (const answer of answers) {
          assert.equal(parse(answer).attributes.get(software)?.toString(), 'millrace é')
          assert.ok(parse(answer).attributes.has(fingerprint))
        }
        assert.equal(answers.length, 2)
      }, { software: 'millrace é', fingerprint: true })

      asking('rfc3489: a request without the cookie is answered with MAPPED-ADDRESS and all 16 bytes of its transaction', async (peer) => {
        const old = request({ cookie: 0x01020304 })
        const [answer] = await peer.ask(old)
        assert(answer)
        assert.deepEqual([parse(answer).order, mappedIn(parse(answer)), parse(answer).transaction], [[mappedAddress], peer.address, old.subarray(4, 20).toString('hex')])
      }, { rfc3489: true })

      asking('rfc3489: every value that an old client is sent has a multiple of four bytes', async (peer) => {
        const [answer, refused] = await peer.ask(...[[], [0x7ffe, 0x7ffd, 0x7ffc]].map((types) => request({ cookie: 1, attributes: types.map((type) => [type, value(4)] as const) })))
        assert(answer && refused)
        assert.equal(parse(answer).attributes.get(software)?.toString(), 'abcde   ')
        assert.deepEqual(refusalIn(parse(refused)), { code: 420, unknown: [0x7ffe, 0x7ffd, 0x7ffc, 0x7ffc] })
        const [modern] = await peer.ask(request({ attributes: [[0x7ffe, value(4)]] }))
        assert(modern)
        assert.deepEqual([refusalIn(parse(modern)).unknown, parse(modern).attributes.get(software)?.toString()], [[0x7ffe], 'abcde'])
      }, { rfc3489: true, software: 'abcde' })

      asking('rfc3489: a modern request is answered as ever', async (peer) => {
        const [answer] = await peer.ask(request())
        assert(answer)
        assert.deepEqual(parse(answer).order, [xorMappedAddress])
      }, { rfc3489: true })

      asking('over IPv4 no answer has more than 1.6 times the bytes of its request, over IPv6 2.2 times', async (peer) => {
        const asked = [
          request(), request({ fingerprint: 'right' }), request({ attributes: [[0x7fff, value(0)]] }), request({ attributes: [[0x7fff, value(0)]], fingerprint: 'right' }),
          ...[2, 3, 50, 100].map((count) => request({ attributes: Array.from({ length: count }, () => [0x7fff, value(0)] as const) })),
        ]
        const answers = await peer.ask(...asked)
        assert.equal(answers.length, asked.length)
        answers.forEach((answer, i) => assert.ok(answer.length <= (asked[i]?.length ?? 0) * (host === '[::1]' ? 2.2 : 1.6), `${answer.length} to ${asked[i]?.length}`))
      })
    })
  }
}

describe('STUN, rules of datagrams', () => {
  it('a request of 2048 bytes is answered', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      assert.equal((await (await asker('udp', relay.address)).ask(request({ attributes: [[0x8000, value(2_024)]] }))).length, 1)
    }))

  for (const [what, message] of [
    ['without the cookie', request({ cookie: 1 })],
    ['with one of the first two bits', request({ type: 0x4001 })],
    ['with the other', request({ type: 0x8001 })],
    ['that says it is longer', request({ length: 4 })],
    ['that says it is shorter', request({ attributes: [[software, value(4)]], length: 0 })],
    ['whose length is no multiple of four', Buffer.concat([request({ length: 2 }), Buffer.alloc(2)])],
    ['of more than 2048 bytes', request({ attributes: [[0x8000, value(2_028)]] })],
    ['of 19 bytes', request().subarray(0, 19)],
    ['of no bytes', Buffer.alloc(0)],
  ] as const) {
    it(`a message ${what} is met with silence, and counted`, () =>
      withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
        assert.deepEqual(await (await asker('udp', relay.address)).ask(message), [])
        assert.equal(await droppedFor('malformed', relay.server, 'toUpstream'), 1)
      }))
  }
})
