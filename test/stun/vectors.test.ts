/** The vectors of RFC 5769, what is near them, and the vector of RFC 8489 that contradicts itself. */
import assert from 'node:assert/strict'
import { listen as from, pipe, stun, udp } from '../../lib/index.ts'
import { withRelay } from '../support/relay.ts'
import { asker, attributes, mappedIn, parse, success } from '../support/stun.ts'
import { until } from '../support/until.ts'

const request = Buffer.from(
  '000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36' +
  '000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf', 'hex')
const ipv4Response = Buffer.from(
  '0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643' +
  '000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96', 'hex')
const ipv6Response = Buffer.from(
  '010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa' +
  'a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c', 'hex')
const longTerm = Buffer.from(
  '000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c' +
  '662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014' +
  'f67024656dd64a3e02b8e0712e85c9a28ca89666', 'hex')

describe('STUN, the vectors of RFC 5769', () => {
  it('2.2 and 2.3 are read by these tests as the RFC says', () => {
    assert.equal(mappedIn(parse(ipv4Response)), '192.0.2.1:32853')
    assert.equal(mappedIn(parse(ipv6Response)), '[2001:db8:1234:5678:11:2233:4455:6677]:32853')
  })

  it('2.1 and 2.4 are answered, the first with a FINGERPRINT, since it has one', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      const peer = await asker('udp', relay.address)
      const [first, second, ...more] = (await peer.ask(request, longTerm)).map(parse)
      assert(first && second)
      assert.deepEqual([first.type, first.order, mappedIn(first)], [success, [attributes.xorMappedAddress, attributes.fingerprint], peer.address])
      assert.deepEqual([second.type, second.order, mappedIn(second)], [success, [attributes.xorMappedAddress], peer.address])
      assert.equal(first.transaction, request.subarray(4, 20).toString('hex'))
      assert.deepEqual(more, [])
    }))

  // But for those after which there is no FINGERPRINT left that could be wrong: its type is another, or a USERNAME of 41 bytes in place of 9 or a
  // MESSAGE-INTEGRITY of 28 in place of 20 ends where the message does.
  it('2.1 with any bit flipped is met with silence', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      const peer = await asker('udp', relay.address)
      const without = new Map([[63, 1], [79, 1], [100, 8], [101, 8]])
      for (let at = 0; at < request.length; at++) {
        const flipped = Array.from({ length: 8 }, (_, bit) => Buffer.from(request.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte))))
        const answers = (await peer.ask(...flipped)).map(parse)
        assert.equal(answers.length, without.get(at) ?? 0, `byte ${at}`)
        for (const { order } of answers) assert.deepEqual(order, [attributes.xorMappedAddress])
      }
      await until(() => relay.server.ledger().datagrams.toUpstream.dropped.malformed.datagrams === 8 * request.length - 18, 'the books to say so')
    }))

  it('2.1 cut short anywhere, and with bytes behind it, is met with silence', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      const peer = await asker('udp', relay.address)
      const cut = Array.from({ length: request.length }, (_, length) => request.subarray(0, length))
      assert.deepEqual(await peer.ask(...cut.slice(0, 54)), [])
      assert.deepEqual(await peer.ask(...cut.slice(54), Buffer.concat([request, Buffer.alloc(4)])), [])
    }))

  it('2.2 and 2.3 are responses, and answered by nobody', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      assert.deepEqual(await (await asker('udp', relay.address)).ask(ipv4Response, ipv6Response), [])
    }))

  it('a header that says 0x9c where the attributes take 0x88, as in B.1 of RFC 8489, is met with silence', () =>
    withRelay(pipe(from(udp('127.0.0.1:0')), stun()), {}, async (relay) => {
      const message = Buffer.concat([longTerm, Buffer.alloc(0x88 - 0x60)])
      message.writeUInt16BE(0x9c, 2)
      assert.deepEqual(await (await asker('udp', relay.address)).ask(message), [])
    }))
})
