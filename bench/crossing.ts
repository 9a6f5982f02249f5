/** What one crossing costs `lib`, by the number of records in it: the addon's side is played by records written into the shared buffer. */
import type { Bench } from 'tinybench'
import { compile } from '../lib/compile.ts'
import { createCrossing } from '../lib/crossing.ts'
import { inspect, forward, listen, pass, pipe, tcp, transform } from '../lib/index.ts'
import type { Pipeline } from '../lib/index.ts'
import { Field, RecordKind, recordBytes } from '../lib/native.ts'
import type { NativeRelay } from '../lib/native.ts'

const sizes = [1, 16, 256]
const chunkBytes = 1_024

/** A relay that takes every call and does nothing: only JS is measured. */
const idle: NativeRelay = {
  start: () => undefined,
  addresses: () => [],
  readCounters: () => undefined,
  sessions: () => undefined,
  setUpstream: () => undefined,
  close: () => undefined,
  endSession: () => undefined,
  answerHead: () => undefined,
  write: () => 0,
  endWrite: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
}

export function addCrossing(bench: Bench): void {
  const to = forward(tcp('127.0.0.1:1'))
  const from = listen(tcp('127.0.0.1:0'))
  for (const size of sizes) {
    add(bench, `${size} chunks through a pass-through transform`, pipe(from, transform({ toUpstream: (chunk) => chunk }), to), RecordKind.chunk, size)
    add(bench, `${size} heads through an inspect that passes`, pipe(from, inspect(() => pass()), to), RecordKind.head, size)
    add(bench, `${size} open events`, pipe(from, to), RecordKind.open, size)
  }
}

function add(bench: Bench, name: string, pipeline: Pipeline<'stream'>, kind: number, size: number): void {
  const records = new ArrayBuffer(size * recordBytes)
  const crossing = createCrossing({
    records,
    arena: new ArrayBuffer(size * chunkBytes),
    plans: [{ pipeline: 0, compiled: compile(pipeline), listeners: ['127.0.0.1:8080'] }],
    relay: () => idle,
    idOf: (native) => native,
    onEvents: () => undefined,
    sessionEvents: true,
    onError: (error) => {
      throw error
    },
    onClosed: () => undefined,
  })
  const fields = new Float64Array(records)
  for (let i = 0; i < size; i++) {
    const at = (i * recordBytes) / 8
    fields[at + Field.kind] = kind
    fields[at + Field.session] = i + 1
    fields[at + Field.offset] = i * chunkBytes
    fields[at + Field.length] = chunkBytes
    new Uint8Array(records, i * recordBytes + 96, 8).set([4, 0, 0x1f, 0x90, 127, 0, 0, 1])
  }
  bench.add(name, () => crossing(size))
}
