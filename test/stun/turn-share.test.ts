/**
 * What one listener answers in a turn is bounded, however long the trains are that the kernel has joined requests to. The relay is embedded and this
 * thread stands still while they come, so all of them wait for one turn.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { setImmediate as turn } from 'node:timers/promises'
import { listen as from, pipe, stun, udp, type Pipeline } from '../../lib/index.ts'
import { ledgerSays } from '../support/datagram-ledger.ts'
import { withRelay } from '../support/relay.ts'
import { request } from '../support/stun.ts'
import { portOf } from '../support/udp-peers.ts'

/** `train` datagrams a send (UDP_SEGMENT, udp(7)), that many sends, with this thread at rest until all are with the kernel. */
function pour(address: string, message: Buffer, sends: number, train: number): void {
  const script = `
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(('127.0.0.1', ${portOf(address)}))
message = bytes.fromhex('${message.toString('hex')}')
if ${train} > 1: s.setsockopt(socket.IPPROTO_UDP, 103, len(message))
for _ in range(${sends}): s.send(message * ${train})
`
  execFileSync('python3', ['-'], { input: script })
}

/** Pours, and gives the most datagrams and bytes that were received between two turns of this loop, which may have two of the relay's in between. */
async function mostATurn(pipeline: Pipeline<'datagram'>, message: Buffer, sends: number, train: number): Promise<{ readonly datagrams: number; readonly bytes: number }> {
  const most = { datagrams: 0, bytes: 0 }
  await withRelay(pipeline, { thread: 'embedded' }, async (relay) => {
    const received = (): { readonly datagrams: number; readonly bytes: number } => {
      const { toUpstream, datagrams } = relay.server.ledger()
      return { datagrams: datagrams.toUpstream.received, bytes: toUpstream.received }
    }
    pour(relay.address, message, sends, train)
    for (let before = received(); before.datagrams < sends * train;) {
      await turn()
      const now = received()
      most.datagrams = Math.max(most.datagrams, now.datagrams - before.datagrams)
      most.bytes = Math.max(most.bytes, now.bytes - before.bytes)
      before = now
    }
    const answered = message.length <= 2_048
    await ledgerSays(relay.server, 'toUpstream', { received: sends * train, ...(answered ? { consumed: sends * train } : { dropped: { malformed: sends * train } }) })
  })
  return most
}

const source = (): ReturnType<typeof from<'datagram'>> => from(udp('127.0.0.1:0'), { receiveBufferBytes: 64 << 20 })

describe('what one listener answers in a turn', () => {
  it('is about a thousand of the datagrams that came in trains of 64', async () => {
    const { datagrams } = await mostATurn(pipe(source(), stun()), request(), 160, 64)
    assert.ok(datagrams <= 2 * 1_024, `${datagrams} in a turn or two`)
  })

  it('is about a mebibyte of large ones', async () => {
    const { bytes } = await mostATurn(pipe(source(), stun()), request({ attributes: [[0x8000, Buffer.alloc(60_000)]] }), 200, 1)
    assert.ok(bytes <= 2.5 * 1_048_576, `${bytes} bytes in a turn or two`)
  })

  it('is 64 a read of single ones', async () => {
    const { datagrams } = await mostATurn(pipe(source(), stun()), request(), 1_000, 1)
    assert.ok(datagrams <= 2 * 256, `${datagrams} in a turn or two`)
  })
})
