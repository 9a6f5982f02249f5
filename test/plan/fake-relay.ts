/**
 * The addon's side of a crossing, played: records are written into the shared buffer, and what `lib` asks of the addon is noted
 * down. So the order within a batch is the test's choice, and no socket is needed.
 */
import assert from 'node:assert/strict'
import { compile } from '../../lib/compile.ts'
import { createCrossing } from '../../lib/crossing.ts'
import type { Pipeline, RelayEvent, Session } from '../../lib/index.ts'
import { Field, recordBytes, RecordKind } from '../../lib/native.ts'
import type { NativeRelay } from '../../lib/native.ts'

/** A record: its kind, its session, and what goes with it. */
export type Told = {
  readonly kind: keyof typeof RecordKind
  readonly session?: number
  readonly node?: number
  readonly bytes?: string
  readonly value?: number
  readonly extra?: number
}

export type FakeRelay = {
  /** One crossing; returns the verdict of each record. */
  tell(...batch: readonly Told[]): readonly number[]
  /** What was asked of the addon since the last look, as `name id …`. */
  asked(): readonly string[]
  readonly events: readonly RelayEvent[]
  readonly errors: readonly { readonly message: string; readonly session: Session | undefined }[]
  /** What `write` answers. */
  pending: number
}

const [maxRecords, arenaBytes] = [64, 65_536]

export function fakeRelay(pipeline: Pipeline<'stream'>, onEvents?: (batch: readonly RelayEvent[]) => void): FakeRelay {
  const [records, arena] = [new ArrayBuffer(maxRecords * recordBytes), new ArrayBuffer(arenaBytes)]
  const fields = new Float64Array(records)
  const events: RelayEvent[] = []
  const errors: { message: string; session: Session | undefined }[] = []
  let calls: string[] = []
  const note = (name: string, ...given: readonly unknown[]): void => {
    calls.push([name, ...given.map((one) => (one instanceof Uint8Array ? JSON.stringify(Buffer.from(one).toString()) : String(one)))].join(' '))
  }
  const relay: NativeRelay = {
    start: () => undefined,
    steer: () => undefined,
    addresses: () => [],
    readCounters: () => undefined,
    keepDatagram: () => undefined,
    readLoad: () => undefined,
    sessions: () => undefined,
    setUpstream: () => undefined,
    answerLookup: () => undefined,
    setNetworks: () => undefined,
    setMembers: () => undefined,
    setHealth: () => undefined,
    members: () => undefined,
    close: () => undefined,
    endSession: (id, how, reply) => { note('endSession', id, ['close', 'reset', 'handlerError', 'rejected'][how], ...(reply === undefined ? [] : [reply])) },
    answerHead: (id, node, branch, consumed, bytes) => { note('answerHead', id, node, branch, consumed, ...(bytes === undefined ? [] : [bytes])) },
    write: (id, direction, bytes) => {
      if (bytes.length > 0) note('write', id, ['toUpstream', 'toDownstream'][direction], bytes)
      return fake.pending
    },
    endWrite: (id) => { note('endWrite', id) },
    pause: (id) => { note('pause', id) },
    resume: (id) => { note('resume', id) },
  }
  const crossing = createCrossing({
    records,
    arena,
    plans: [{ pipeline: 0, compiled: compile(pipeline), listeners: ['127.0.0.1:8080'] }],
    relay: () => relay,
    idOf: (native) => native,
    onEvents: (batch) => {
      events.push(...batch)
      onEvents?.(batch)
    },
    sessionEvents: true,
    onError: (error, session) => { errors.push({ message: error instanceof Error ? error.message : typeof error, session }) },
    onClosed: () => { note('closed') },
  })
  const write = ({ kind, session = 1, node = 0, bytes = '', value = 0, extra = 0 }: Told, i: number): void => {
    const at = (i * recordBytes) / 8
    fields.fill(0, at, at + recordBytes / 8)
    const offset = i * 1_024
    new Uint8Array(arena, offset, 1_024).set(Buffer.from(bytes))
    for (const [field, content] of [[Field.kind, RecordKind[kind]], [Field.session, session], [Field.node, node], [Field.offset, offset], [Field.length, Buffer.byteLength(bytes)], [Field.value, value], [Field.extra, extra]] as const) {
      fields[at + field] = content
    }
    new Uint8Array(records, i * recordBytes + 96, 8).set([4, 0, session >> 8, session & 255, 10, 0, 0, 1])
  }
  const fake: FakeRelay = {
    tell(...batch) {
      assert(batch.length <= maxRecords)
      batch.forEach(write)
      crossing(batch.length)
      new Uint8Array(arena).fill(0xdd) // what was seen of the arena is over
      return batch.map((_, i) => fields[(i * recordBytes) / 8 + Field.verdict] ?? -1)
    },
    asked() {
      const since = calls
      calls = []
      return since
    },
    events,
    errors,
    pending: 0,
  }
  return fake
}
