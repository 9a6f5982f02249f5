/** The line that says a listener is up: `listening tcp 127.0.0.1:8080 -> tcp 10.0.0.5:80`, with the port that was bound. */
import { formatEndpoint } from '../endpoint.ts'
import type { Pipeline } from '../pipe.ts'
import type { ServerAddress } from '../server.ts'
import type { JsonLine } from './output.ts'

type Pipelines = readonly Pipeline<'stream'>[]

export function readyLine({ net, address, text, pipeline }: ServerAddress, pipelines: Pipelines): string {
  return `listening ${net} ${net === 'unix' ? address : text} -> ${sinkOf(pipeline, pipelines)}`
}

export function readyJson({ net, address, port, pipeline }: ServerAddress, pipelines: Pipelines): JsonLine {
  return { type: 'listening', at: Date.now(), pipeline, net, address, port, sink: sinkOf(pipeline, pipelines) }
}

/** Where it all goes, or the name of the sink that decides. */
function sinkOf(pipeline: number, pipelines: Pipelines): string {
  const sink = pipelines[pipeline]?.chain.sink
  if (sink === undefined) return ''
  return sink.body.step === 'forward' ? formatEndpoint(sink.body.upstream) : sink.name
}
