/**
 * What one connection of the soak does. The client chooses it and sends it as the head of its stream, so that the server behind the relay knows its part and both
 * know what has to come. After it, client and server send their patterns at once; whoever has sent all ends its side. The server, unless it ends first, says
 * at its end how many bytes of the client it has found right.
 */

export type Task = {
  readonly seed: number
  /** Bytes from the client to the server and back. */
  readonly up: number
  readonly down: number
  /** The server ends its side without waiting for the client, which goes on. */
  readonly serverEndsFirst: boolean
  /** Milliseconds in which a side reads nothing, at its beginning. */
  readonly serverStallMs: number
  readonly clientStallMs: number
  /** Who resets the connection once it has received so many bytes; with 0 after its stall. */
  readonly reset?: { readonly by: 'client' | 'server'; readonly after: number }
}

export const headBytes = 28
export const answerBytes = 8
const magic = 0x50a4_0001

/** The server's pattern is another than the client's. */
export const downSeed = ({ seed }: Task): number => seed + 500_009

export function encodeTask({ seed, up, down, serverEndsFirst, serverStallMs, reset }: Task): Buffer {
  const bytes = Buffer.alloc(headBytes)
  const words = [magic, seed, up, down, serverStallMs, reset?.by === 'server' ? 1 + reset.after : 0, serverEndsFirst ? 1 : 0]
  words.forEach((word, i) => bytes.writeUInt32BE(word, 4 * i))
  return bytes
}

/** What the server has to know of it; undefined where the bytes are no head. */
export function decodeTask(bytes: Buffer): Task | undefined {
  const word = (i: number): number => bytes.readUInt32BE(4 * i)
  if (bytes.length < headBytes || word(0) !== magic) return undefined
  const task: Task = { seed: word(1), up: word(2), down: word(3), serverStallMs: word(4), clientStallMs: 0, serverEndsFirst: word(6) === 1 }
  return word(5) === 0 ? task : { ...task, reset: { by: 'server', after: word(5) - 1 } }
}

export function encodeAnswer(received: number): Buffer {
  const bytes = Buffer.alloc(answerBytes)
  bytes.writeUInt32BE(magic, 0)
  bytes.writeUInt32BE(received, 4)
  return bytes
}

/** How many bytes the server has found right; undefined where it is no answer. */
export const decodeAnswer = (bytes: Buffer): number | undefined => (bytes.length === answerBytes && bytes.readUInt32BE(0) === magic ? bytes.readUInt32BE(4) : undefined)
