/** One session through a proxy whose client says all it has to say in pieces. */
import { connect, type Listener } from './peers.ts'
import type { TestRelay } from './relay.ts'
import { until } from './until.ts'

/** All at once, byte by byte, and cut in two at each place. */
export function everyCut(all: Buffer): (readonly Uint8Array[])[] {
  const byBytes = Array.from(all, (_, i) => all.subarray(i, i + 1))
  return [[all], byBytes, ...byBytes.slice(1).map((_, i) => [all.subarray(0, i + 1), all.subarray(i + 1)])]
}

/** Sends the pieces, each when the one before has been read, and FIN; the upstream speaks first, and ends when it has heard the FIN. What both have heard, and the port that the upstream was reached from. */
export async function exchange(relay: TestRelay, upstream: Listener, pieces: readonly Uint8Array[]): Promise<{ readonly heard: string; readonly said: string; readonly bound: number }> {
  const received = (): number => relay.server.ledger().toUpstream.received
  let expected = received()
  const peer = await connect(relay.address)
  const arrived = upstream.accept()
  for (const piece of pieces) {
    await until(() => received() === expected, () => `${expected} bytes to have been read, not ${received()}`)
    await peer.send(piece)
    expected += piece.length
  }
  const there = await arrived
  await there.send('first words, ')
  await peer.end()
  const heard = await there.readAll()
  const bound = there.socket.remotePort ?? 0
  await there.end('and the last')
  const said = await peer.readAll()
  if (heard.ending !== 'fin' || said.ending !== 'fin') throw new Error(`ended by ${heard.ending} and ${said.ending}`)
  return { heard: heard.text, said: said.text, bound }
}
