/** Pipelines of datagrams and the plans they become: golden, so that a change of the plan is seen. */
import assert from 'node:assert/strict'
import { compile } from '../../lib/compile.ts'
import { defaultDatagramSettings } from '../../lib/default-settings.ts'
import { allow, close, datagrams, discard, echo, filterDatagrams, forward, generate, idleTimeout, limit, listen, otherwise, pipe, prefix, remoteAddress, route, tcp, throttle, udp, unix, when } from '../../lib/index.ts'
import type { DatagramFilter, Pipeline } from '../../lib/index.ts'
import type { PlanSettings } from '../../lib/plan.ts'

const source = listen(udp('127.0.0.1:0'))
const upstream = udp('10.0.3.14:53')
const settings = (some: Partial<PlanSettings> = {}): PlanSettings => ({ ...defaultDatagramSettings, ...some })
const nodesOf = (pipeline: Pipeline<'datagram'>) => compile(pipeline).plan.nodes
const forwarded = { op: 'forward', upstream: 0, connectTimeoutMs: 0, retries: 0, sourceAddresses: [], responses: 0, proxyProtocol: 0, proxyDialect: 'every', hops: [] } as const

describe('compile, for datagrams', () => {
  it('makes a plan of a forward, with the defaults of the design', () => {
    const { plan, hasJs } = compile(pipe(source, forward(upstream)))
    assert.deepEqual(plan, {
      kind: 'datagram',
      listen: [{ net: 'udp', host: '127.0.0.1', port: 0 }],
      backlog: 511,
      dualStack: true,
      receiveBufferBytes: 8_388_608,
      sendBufferBytes: 0,
      maxSegmentBytes: 0,
      incomingCpu: -1,
      maxFlows: 65_536,
      maxFlowsPerAddress: 0,
      generate: null,
      nodes: [
        {
          ...forwarded,
          settings: {
            idleTimeoutMs: 60_000,
            halfCloseTimeoutMs: 60_000,
            maxDurationMs: 0,
            highWaterBytes: 262_144,
            pipedHighWaterBytes: 1_048_576,
            throttleToUpstream: null,
            throttleToDownstream: null,
            throttleDatagramsToUpstream: null,
            throttleDatagramsToDownstream: null,
            keepAlive: null,
            transformToUpstream: false,
            transformToDownstream: false,
          },
        },
      ],
      upstreams: [{ net: 'udp', host: '10.0.3.14', port: 53 }],
    })
    assert.equal(hasJs, false)
  })

  it('takes the options of the listener and of the forward', () => {
    const { plan } = compile(pipe(listen(udp('[::]:53'), { dualStack: false, receiveBufferBytes: 4_096, maxFlows: 2, maxFlowsPerAddress: 1 }), forward(upstream, { responses: 1, sourceAddress: ['10.0.0.9', '::9'] })))
    const { dualStack, receiveBufferBytes, maxFlows, maxFlowsPerAddress } = plan
    assert.deepEqual({ dualStack, receiveBufferBytes, maxFlows, maxFlowsPerAddress }, { dualStack: false, receiveBufferBytes: 4_096, maxFlows: 2, maxFlowsPerAddress: 1 })
    assert.deepEqual(plan.nodes, [{ ...forwarded, responses: 1, sourceAddresses: ['10.0.0.9', '::9'], settings: settings() }])
  })

  it('listens at each port of a range, which knows its place in there', () => {
    const { plan } = compile(pipe(listen([udp('10.0.0.1:7890-7892'), udp('[::1]:53-55')]), forward(udp('10.0.0.3:100-102'))))
    assert.deepEqual(plan.listen, [
      { net: 'udp', host: '10.0.0.1', port: 7_890 },
      { net: 'udp', host: '10.0.0.1', port: 7_891, offset: 1 },
      { net: 'udp', host: '10.0.0.1', port: 7_892, offset: 2 },
      { net: 'udp', host: '::1', port: 53 },
      { net: 'udp', host: '::1', port: 54, offset: 1 },
      { net: 'udp', host: '::1', port: 55, offset: 2 },
    ])
    assert.deepEqual(plan.upstreams, [{ net: 'udp', host: '10.0.0.3', port: 100, lastPort: 102 }])
  })

  it('does so for streams too, and leaves paths alone', () => {
    assert.deepEqual(compile(pipe(listen([tcp(':80-81'), unix('/a')]), echo())).plan.listen, [{ net: 'tcp', host: '127.0.0.1', port: 80 }, { net: 'tcp', host: '127.0.0.1', port: 81, offset: 1 }, { net: 'unix', path: '/a' }])
  })

  it('keeps a range and its first port apart', () => {
    const ranges = [forward(udp(':1-2')), forward(udp(':3-4'))] as const
    assert.deepEqual(compile(pipe(listen(udp(':10-11')), route(when(prefix('a'), ranges[0]), when(prefix('b'), ranges[1]), otherwise(forward(udp(':1')))))).plan.upstreams, [
      { net: 'udp', host: '127.0.0.1', port: 1, lastPort: 2 },
      { net: 'udp', host: '127.0.0.1', port: 3, lastPort: 4 },
      { net: 'udp', host: '127.0.0.1', port: 1 },
    ])
  })

  it('lays gates, settings and branches out as for streams', () => {
    const pipeline = pipe(source, allow('10.0.0.0/8'), limit({ maxSessions: 5 }), idleTimeout(1_000), route(when(remoteAddress('10.1.0.0/16'), discard()), otherwise(close())))
    assert.deepEqual(nodesOf(pipeline), [
      { op: 'allow', cidrs: ['10.0.0.0/8'], next: 1 },
      { op: 'limit', maxSessions: 5, maxSessionsPerAddress: 0, newSessionsPerSecond: 0, next: 2 },
      { op: 'route', head: { minBytes: 0, maxBytes: 16_384, timeoutMs: 3_000 }, when: [{ matcher: { op: 'remoteAddress', cidrs: ['10.1.0.0/16'] }, next: 3 }], otherwise: 4 },
      { op: 'discard', settings: settings({ idleTimeoutMs: 1_000 }) },
      { op: 'close' },
    ])
  })

  it('has rates of bytes and of datagrams, whose bursts let each datagram pass', () => {
    const rates = (...stages: readonly ReturnType<typeof throttle>[]) => {
      const [node] = nodesOf(pipe(source, ...stages, echo()))
      assert(node !== undefined && 'settings' in node)
      const { throttleToUpstream, throttleToDownstream, throttleDatagramsToUpstream, throttleDatagramsToDownstream } = node.settings
      return [throttleToUpstream, throttleToDownstream, throttleDatagramsToUpstream, throttleDatagramsToDownstream]
    }
    const bytes = { bytesPerSecond: 1_000, burstBytes: 65_507 }
    assert.deepEqual(rates(throttle({ bytesPerSecond: 1_000 })), [bytes, bytes, null, null])
    assert.deepEqual(rates(throttle({ bytesPerSecond: 1_000, burstBytes: 10, direction: 'toUpstream' })), [{ bytesPerSecond: 1_000, burstBytes: 10 }, null, null, null])
    assert.deepEqual(rates(throttle({ bytesPerSecond: 10_000_000, direction: 'toDownstream' })), [null, { bytesPerSecond: 10_000_000, burstBytes: 1_000_000 }, null, null])
    assert.deepEqual(rates(throttle({ datagramsPerSecond: 95, direction: 'toUpstream' }), throttle({ bytesPerSecond: 1_000, direction: 'toDownstream' })), [null, bytes, { datagramsPerSecond: 95, burstDatagrams: 10 }, null])
    const [, , datagramRate] = rates(throttle({ bytesPerSecond: 1, datagramsPerSecond: 1, burstDatagrams: 7 }))
    assert.deepEqual(datagramRate, { datagramsPerSecond: 1, burstDatagrams: 7 })
  })

  it('composes filters as transforms, and has the addon cross only where there are any', () => {
    const filter = (): DatagramFilter => () => {}
    const [up1, up2, down1, down2] = [filter(), filter(), filter(), filter()]
    const stages = [filterDatagrams({ toUpstream: up1, toDownstream: down1 }), filterDatagrams(up2), filterDatagrams({ toDownstream: down2 })]
    const seen = (pipeline: Pipeline<'datagram'>) => {
      const { nodes: [known], plan: { nodes: [node] }, jsPaths } = compile(pipeline)
      assert(known !== undefined && node !== undefined && 'settings' in node)
      return [known.filtersToUpstream, known.filtersToDownstream, node.settings.transformToUpstream, node.settings.transformToDownstream, jsPaths.length]
    }
    assert.deepEqual(seen(pipe(source, ...stages, forward(upstream))), [[up1, up2], [down2, down1], true, true, 3])
    assert.deepEqual(seen(pipe(source, filterDatagrams(up1), forward(upstream))), [[up1], [], true, false, 1])
    assert.deepEqual(seen(pipe(source, ...stages, echo())), [[up1, up2, down2, down1], [], true, false, 3])
    assert.deepEqual(seen(pipe(source, filterDatagrams({ toDownstream: down1 }), discard())), [[], [], false, false, 1])
    assert.deepEqual(seen(pipe(source, ...stages, datagrams(() => {}))), [[up1, up2], [], false, false, 4], 'a sink in JS has its filters there')
  })

  it('numbers the handler of a sink', () => {
    const handler = (): undefined => {}
    const { plan, handlers, hasJs, jsPaths } = compile(pipe(source, datagrams(handler)))
    assert.deepEqual(plan.nodes, [{ op: 'datagrams', handler: 0, settings: settings() }])
    assert.deepEqual([handlers, hasJs, jsPaths], [[handler], true, ['datagrams[0]']])
  })

  it('has a generator in the place of listeners', () => {
    const { plan, hasJs } = compile(pipe(generate({ flows: 8, sizeBytes: 1_200, ratePerSecond: 1_000, window: 4, durationMs: 10_000, gso: true }), forward(upstream)))
    assert.deepEqual([plan.kind, plan.listen, hasJs], ['datagram', [], false])
    assert.deepEqual(plan.generate, { flows: 8, sizeBytes: 1_200, ratePerSecond: 1_000, window: 4, durationMs: 10_000, gso: true })
    assert.deepEqual(compile(pipe(generate(), forward(upstream))).plan.generate, { flows: 1, sizeBytes: 64, ratePerSecond: 0, window: 0, durationMs: 0, gso: false })
  })

  it('makes plain data', () => {
    const make = () => compile(pipe(listen(udp(':10-20')), route(when(prefix('a'), close()), otherwise(forward(udp(':30-40')))))).plan
    assert.deepEqual(make(), make())
    assert.deepEqual(structuredClone(make()), make())
  })
})
