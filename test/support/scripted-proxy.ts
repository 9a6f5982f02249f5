/** A proxy that says what a test wants, when it wants it: it waits for the bytes that it expects, and then sends pieces, each in a segment of its own. */
import assert from 'node:assert/strict'
import { taken } from './kernel.ts'
import { listen, type Listener, type Peer } from './peers.ts'

/** What it expects, of which only the length counts where that is all that is known, and the pieces that it answers with. */
export type Turn = { readonly expects: Uint8Array | number | RegExp; readonly says: readonly Uint8Array[] }

/** What becomes of the connection behind the last turn. */
export type After = 'stays' | 'ends' | 'resets'

export type ScriptedProxy = Listener & {
  /** The connection behind the last turn; rejects where something else came than what was expected. */
  readonly done: () => Promise<Peer>
}

export async function scriptedProxy(turns: readonly Turn[], after: After = 'stays'): Promise<ScriptedProxy> {
  const listener = await listen()
  return {
    ...listener,
    async done() {
      const peer = await listener.accept()
      for (const { expects, says } of turns) {
        if (expects instanceof RegExp) assert.match(await headOf(peer), expects)
        else if (typeof expects === 'number') await peer.read(expects)
        else assert.deepEqual(await peer.read(expects.length), Buffer.from(expects))
        for (const piece of says) {
          await peer.send(piece)
          if (says.length > 1) await taken(peer)
        }
      }
      if (after === 'ends') await peer.end()
      if (after === 'resets') peer.reset()
      return peer
    },
  }
}

/** Up to and with the blank line. */
export async function headOf(peer: Peer): Promise<string> {
  let head = ''
  while (!head.endsWith('\r\n\r\n')) head += (await peer.read(1)).toString('latin1')
  return head
}

/** Each byte by itself. */
export const byBytes = (bytes: Uint8Array): readonly Uint8Array[] => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
