/**
 * The addon's side of a crossing of datagrams, played: rows and bytes are written into the shared memory, and afterwards what `lib` has
 * decided is read from there, as the addon does. So the order within a batch is the test's choice, and no socket is needed.
 */
import assert from 'node:assert/strict'
import { compile } from '../../lib/compile.ts'
import { createDatagramCrossing } from '../../lib/datagram-crossing.ts'
import type { Pipeline } from '../../lib/index.ts'
import { ReplyArea, ReplyField, replyInts, RowField, rowInts, RowVerdict } from '../../lib/native.ts'

/** A datagram that crosses. */
export type Told = {
  readonly bytes?: string | Uint8Array
  /** Its flow: index and generation. */
  readonly flow?: number
  readonly generation?: number
  readonly plan?: number
  readonly node?: number
  readonly direction?: 'toUpstream' | 'toDownstream'
  readonly endpoint?: number
}

export type FakeDatagrams = {
  /** One crossing; returns what became of each datagram: `pass`, `drop`, `answered`, `replaced "bytes"`. */
  tell(...batch: readonly Told[]): readonly string[]
  /** What was replied in it: `row "bytes"`, and where the bytes were: in the `arena`, in `out` or `kept` by the addon. */
  replies(): readonly string[]
  readonly errors: string[]
  readonly arena: ArrayBuffer
}

export type FakeOptions = { readonly debug?: boolean; readonly maxReplies?: number; readonly outBytes?: number }

const [rowCount, slotBytes] = [16, 65_856]

export function fakeDatagrams(pipelines: Pipeline<'datagram'> | readonly Pipeline<'datagram'>[], { debug = false, maxReplies = 64, outBytes = 262_144 }: FakeOptions = {}): FakeDatagrams {
  const arena = new ArrayBuffer(rowCount * slotBytes)
  const [rowMemory, replyMemory, out] = [new ArrayBuffer(rowCount * rowInts * 4), new ArrayBuffer((1 + maxReplies) * replyInts * 4), new ArrayBuffer(outBytes)]
  const [rows, replies] = [new Int32Array(rowMemory), new Int32Array(replyMemory)]
  const errors: string[] = []
  let kept: { readonly row: number; readonly isReply: boolean; readonly text: string }[] = []
  let replied: readonly string[] = []
  const list = 'role' in pipelines ? [pipelines] : pipelines
  const crossing = createDatagramCrossing({
    arena,
    out,
    rows: rowMemory,
    replies: replyMemory,
    plans: list.map((pipeline, i) => ({ pipeline: i, compiled: compile(pipeline), listeners: ['127.0.0.1:7890', '127.0.0.1:7891'] })),
    relay: () => ({ keepDatagram: (row, isReply, bytes) => kept.push({ row, isReply, text: textOf(bytes) }) }),
    idOf: (native) => native,
    onError: (error, session) => {
      assert.equal(session, undefined)
      errors.push(error instanceof Error ? error.message : typeof error)
    },
    debug,
  })

  const write = ({ bytes = '', flow = 0, generation = 1, plan = 0, node = 0, direction = 'toUpstream', endpoint = 0 }: Told, row: number): void => {
    const content = Buffer.from(bytes)
    Buffer.from(arena, row * slotBytes, slotBytes).set(content)
    const fields = [row * slotBytes, content.length, flow, generation, node, plan * 2 + (direction === 'toUpstream' ? 0 : 1), 0, endpoint, 77, 77, 77]
    rows.set(fields, row * rowInts)
    new Uint8Array(rowMemory, (row * rowInts + RowField.peer) * 4, 20).set([4, 0, flow >> 8, flow & 255, 10, 0, 0, generation])
  }
  const field = (row: number, name: number): number => rows[row * rowInts + name] ?? -1
  const verdictOf = (row: number): string => {
    const late = kept.find((one) => one.row === row && !one.isReply)
    switch (field(row, RowField.verdict)) {
      case RowVerdict.pass:
        return 'pass'
      case RowVerdict.drop:
        return 'drop'
      case RowVerdict.answered:
        return 'answered'
      case RowVerdict.replaced:
        return `replaced ${textOf(new Uint8Array(out, field(row, RowField.outOffset), field(row, RowField.outLength)))}`
      case RowVerdict.replacedLate:
        return `replaced late ${late?.text ?? 'by nothing'}`
    }
    return 'nothing that is known'
  }
  const replyAt = (i: number): string => {
    const [row = -1, offset = 0, length = 0, area = -1] = replies.subarray((1 + i) * replyInts, (2 + i) * replyInts)
    const isArena = area === ReplyArea.arena
    return `${row} ${textOf(new Uint8Array(isArena ? arena : out, offset, length))} ${isArena ? 'arena' : 'out'}`
  }

  return {
    tell(...batch) {
      assert(batch.length <= rowCount)
      kept = []
      replies[ReplyField.row] = 0
      batch.forEach(write)
      crossing(batch.length)
      const verdicts = batch.map((_, row) => verdictOf(row))
      const late = kept.filter(({ isReply }) => isReply).map(({ row, text }) => `${row} ${text} kept`)
      replied = [...Array.from({ length: replies[0] ?? 0 }, (_, i) => replyAt(i)), ...late]
      for (const memory of [arena, out]) new Uint8Array(memory).fill(0xdd) // what was seen of them is over
      return verdicts
    },
    replies: () => replied,
    errors,
    arena,
  }
}

/** `"text"`, and for many bytes how many of which. */
function textOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString()
  return text.length > 32 ? `${text.length} × ${text.slice(0, 1)}` : JSON.stringify(text)
}
