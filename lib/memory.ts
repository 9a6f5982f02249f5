/** Memory that the addon and `lib` share. */
import { markAsUntransferable } from 'node:worker_threads'
import { datagramSlotBytes, datagramSlots, maxReplies, maxRows, outBytes, replyInts, rowInts } from './native.ts'
import type { NativeDatagrams } from './native.ts'

declare const WebAssembly: { readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer } }
const wasmPageBytes = 65_536

/**
 * Memory that the addon keeps using, whatever a handler does with a view of it: the mark refuses `postMessage` and `structuredClone`, and a
 * WebAssembly memory has the only kind of ArrayBuffer that `transfer()` cannot detach. Where there is none (`--jitless`, little address
 * space) the mark has to do.
 */
export function lastingBuffer(leastBytes: number): ArrayBuffer {
  const buffer = wasmBuffer(leastBytes) ?? new ArrayBuffer(leastBytes)
  markAsUntransferable(buffer)
  return buffer
}

function wasmBuffer(leastBytes: number): ArrayBuffer | undefined {
  try {
    return new WebAssembly.Memory({ initial: Math.ceil(leastBytes / wasmPageBytes) }).buffer
  } catch {
    return undefined
  }
}

/** What datagrams cross in. Handlers see the arena, and in `out` what an earlier one has replaced. */
export function datagramMemory(seen: boolean): Omit<NativeDatagrams, 'onBatch'> {
  const buffer = (bytes: number): ArrayBuffer => (seen ? lastingBuffer(bytes) : new ArrayBuffer(bytes))
  return {
    arena: buffer(datagramSlots * datagramSlotBytes),
    out: buffer(outBytes),
    rows: new ArrayBuffer(maxRows * rowInts * 4),
    replies: new ArrayBuffer((1 + maxReplies) * replyInts * 4),
  }
}
