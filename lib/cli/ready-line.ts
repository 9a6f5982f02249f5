/**
 * The line that says a listener is up: `listening tcp 127.0.0.1:8080 -> tcp 10.0.0.5:80`, with the port that was bound; a range of
 * ports is one line, `listening udp 0.0.0.0:7890-7900 -> udp 10.0.0.3:7890-7900`. A generator has nothing to listen at and says what it does.
 */
import { portCount } from '../endpoint.ts'
import type { PlanEndpoint } from '../plan.ts'
import type { ServerAddress } from '../server.ts'
import { upstreamText } from '../upstreams/upstreams.ts'
import type { AnyPipeline } from './endpoints.ts'
import type { JsonLine } from './output.ts'

export type Ready = { readonly text: string; readonly json: JsonLine }

/** In the order of the pipelines and their endpoints. */
export function readyLines(addresses: readonly ServerAddress[], pipelines: readonly AnyPipeline[]): readonly Ready[] {
  return pipelines.flatMap((pipeline, place) => {
    const sink = sinkOf(pipeline)
    const { generate, shows } = pipeline.source
    if (generate !== null) return [{ text: `generating ${shows} -> ${sink}`, json: { type: 'generating', at: Date.now(), pipeline: place, ...generate, sink } }]
    let bound = addresses.filter((address) => address.pipeline === place)
    return pipeline.source.listen.flatMap((endpoint) => {
      const [first] = bound
      bound = bound.slice(portCount(endpoint))
      return first === undefined ? [] : [ready(first, endpoint, sink)]
    })
  })
}

function ready({ net, address, text, port, pipeline, receiveBufferBytes }: ServerAddress, endpoint: PlanEndpoint, sink: string): Ready {
  const lastPort = endpoint.net === 'unix' ? undefined : endpoint.lastPort
  const range = lastPort === undefined ? '' : `-${lastPort}`
  return {
    text: `listening ${net} ${net === 'unix' ? address : text}${range} -> ${sink}`,
    json: {
      type: 'listening',
      at: Date.now(),
      pipeline,
      net,
      address,
      port,
      ...(lastPort === undefined ? {} : { lastPort }),
      ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
      sink,
    },
  }
}

/** Where it all goes, or the name of the sink that decides. */
function sinkOf({ chain: { sink } }: AnyPipeline): string {
  return sink.body.step === 'forward' ? upstreamText(sink.body.upstream) : sink.name
}
