/** What one crossing costs `lib`, by the number of records or datagrams in it: the addon's side is played by what is written into shared memory. */
import type { Bench } from 'tinybench'
import { compile } from '../lib/compile.ts'
import { createCrossing } from '../lib/crossing.ts'
import { createDatagramCrossing } from '../lib/datagram-crossing.ts'
import { datagrams, filterDatagrams, inspect, forward, listen, pass, pipe, tcp, transform, udp } from '../lib/index.ts'
import type { Pipeline } from '../lib/index.ts'
import { datagramMemory } from '../lib/memory.ts'
import { datagramSlotBytes, datagramSlots, Field, RecordKind, recordBytes, RowField, rowInts, RowVerdict } from '../lib/native.ts'
import type { NativeRelay } from '../lib/native.ts'

const sizes = [1, 16, 256]
const chunkBytes = 1_024

/** A relay that takes every call and does nothing: only JS is measured. */
const idle: NativeRelay = {
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
  const fromUdp = listen(udp('127.0.0.1:0'))
  const echo = datagrams((batch) => {
    for (const datagram of batch) batch.reply(datagram, datagram.bytes)
  })
  const look = filterDatagrams((batch) => {
    for (const datagram of batch) if (datagram.bytes[0] === 1) batch.drop(datagram)
  })
  addDatagrams(bench, 'echoed by a handler', pipe(fromUdp, echo), () => 64)
  addDatagrams(bench, 'of changing sizes echoed by a handler', pipe(fromUdp, echo), (i, turn) => (64 + 7 * i + 13 * turn) % 1_400)
  addDatagrams(bench, 'answered with a text', pipe(fromUdp, datagrams((batch) => { for (const datagram of batch) batch.reply(datagram, 'pong') })), () => 64)
  addDatagrams(bench, 'through a filter that looks at a byte', pipe(fromUdp, look, forward(udp('127.0.0.1:1'))), () => 64)
}

/** A batch that fills all slots, of 64 flows. */
function addDatagrams(bench: Bench, name: string, pipeline: Pipeline<'datagram'>, lengthOf: (i: number, turn: number) => number): void {
  const memory = datagramMemory(true)
  const crossing = createDatagramCrossing({
    ...memory,
    plans: [{ pipeline: 0, compiled: compile(pipeline), listeners: ['127.0.0.1:7890'] }],
    relay: () => idle,
    idOf: (native) => native,
    debug: false,
    onError: (error) => {
      throw error
    },
  })
  const [rows, replies] = [new Int32Array(memory.rows), new Int32Array(memory.replies)]
  let turn = 0
  bench.add(`${datagramSlots} datagrams ${name}`, () => {
    turn++
    replies[0] = 0
    for (let i = 0; i < datagramSlots; i++) {
      const at = i * rowInts
      rows[at + RowField.offset] = i * datagramSlotBytes
      rows[at + RowField.length] = lengthOf(i, turn)
      rows[at + RowField.flowIndex] = i % 64
      rows[at + RowField.verdict] = RowVerdict.pass
    }
    crossing(datagramSlots)
  })
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
