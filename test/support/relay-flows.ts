/** Random flows through 32 port-forwards of one relay, and its ledger compared with what the flows sent. */
import assert from 'node:assert/strict'
import { decide, forward, highWater, listen, pass, pipe, tcp, transform, type Pipeline, type ServeOptions } from '../../lib/index.ts'
import type { Sizes } from './flow-plan.ts'
import { runFlows, upstreamLane, type FlowReport } from './flows.ts'
import { withRelay, type Thread } from './relay.ts'

const source = () => listen(tcp('127.0.0.1:0'))

/** What stands between the flows' ends, by name: one for each lane in turn. None waits for a head, as an upstream may speak first. */
const native: Readonly<Record<string, (to: string) => Pipeline<'stream'>>> = {
  forward: (to) => pipe(source(), forward(tcp(to))),
  'a low mark': (to) => pipe(source(), highWater(4_096), forward(tcp(to))),
}
const js: typeof native = {
  ...native,
  decide: (to) => pipe(source(), decide(() => Promise.resolve(pass())), forward(tcp(to))),
  'a transform that passes': (to) => pipe(source(), transform({ toUpstream: (chunk) => chunk, toDownstream: (chunk) => chunk }), forward(tcp(to))),
  'a transform that copies': (to) => pipe(source(), transform({ toUpstream: (chunk) => Buffer.from(chunk), toDownstream: (chunk) => Buffer.from(chunk) }), forward(tcp(to))),
}

export async function relayFlows(thread: Thread, seed: number, first: number, count: number, sizes: Sizes, options: Pick<ServeOptions, 'transport' | 'ioUring' | 'shards'> = {}): Promise<FlowReport> {
  const kinds = Object.entries(thread === 'own' ? native : js)
  const upstreams = await Promise.all(Array.from({ length: 32 }, () => upstreamLane()))
  let report: FlowReport = { flows: 0, mismatches: [], bytesToUpstream: 0, bytesToDownstream: 0 }
  try {
    const lanes = upstreams.flatMap((upstream, lane) => kinds.slice(lane % kinds.length, (lane % kinds.length) + 1).map(([what, make]) => ({ what, upstream, pipeline: make(upstream.address) })))
    await withRelay(lanes.map(({ pipeline }) => pipeline), { thread, ...options }, async (relay) => {
      report = await runFlows(lanes.map((lane, pipeline) => ({ ...lane, connectTo: relay.addressOf(pipeline) })), seed, first, count, sizes)
      if (report.mismatches.length > 0) return
      const closes = await relay.closes(report.flows)
      assert.deepEqual(closes.filter(({ reason }) => reason !== 'finished'), [])
      const { toUpstream, toDownstream } = relay.server.ledger()
      assert.deepEqual(
        [toUpstream.received, toUpstream.sent, toDownstream.received, toDownstream.sent],
        [report.bytesToUpstream, report.bytesToUpstream, report.bytesToDownstream, report.bytesToDownstream],
      )
    })
  } finally {
    await Promise.all(upstreams.map((upstream) => upstream.close()))
  }
  return report
}
