/** Pipelines and the plans they become: golden, so that a change of the plan is seen. */
import assert from 'node:assert/strict'
import { compile } from '../../lib/compile.ts'
import { defaultSettings } from '../../lib/default-settings.ts'
import { allow, any, choose, close, decide, deny, discard, echo, forward, halfCloseTimeout, highWater, idleTimeout, inspect, keepAlive, limit, listen, maxDuration, not, otherwise, pass, pipe, prefix, remoteAddress, reset, route, sni, stream, tcp, throttle, transform, unix, when } from '../../lib/index.ts'
import type { ChunkHandler, Pipeline } from '../../lib/index.ts'
import type { PlanSettings } from '../../lib/plan.ts'

const source = listen(tcp('127.0.0.1:0'))
const upstream = tcp('10.0.3.14:1592')
const settings = (some: Partial<PlanSettings> = {}): PlanSettings => ({ ...defaultSettings, ...some })
const nodesOf = (pipeline: Pipeline<'stream'>) => compile(pipeline).plan.nodes
const pathsOf = (pipeline: Pipeline<'stream'>) => compile(pipeline).nodes.map(({ path }) => path)
const forwarded = { op: 'forward', upstream: 0, connectTimeoutMs: 5_000, retries: 2, sourceAddresses: [], responses: 0, proxyProtocol: 0, proxyDialect: 'every', hops: [] } as const

describe('compile', () => {
  it('makes a plan of a port-forward, with the defaults of the design', () => {
    const { plan, hasJs } = compile(pipe(source, forward(upstream)))
    assert.deepEqual(plan, {
      kind: 'stream',
      listen: [{ net: 'tcp', host: '127.0.0.1', port: 0 }],
      backlog: 511,
      dualStack: true,
      receiveBufferBytes: 0,
      sendBufferBytes: 0,
      maxSegmentBytes: 0,
      incomingCpu: -1,
      maxFlows: 0,
      maxFlowsPerAddress: 0,
      generate: null,
      nodes: [
        {
          ...forwarded,
          settings: {
            idleTimeoutMs: 3_600_000,
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
      upstreams: [{ net: 'tcp', host: '10.0.3.14', port: 1592 }],
    })
    assert.equal(hasJs, false)
  })

  it('takes several listeners and their options', () => {
    const { listen: at, backlog, dualStack } = compile(pipe(listen([tcp(':80'), unix('/run/x.sock')], { backlog: 16, dualStack: false }), echo())).plan
    assert.deepEqual({ at, backlog, dualStack }, { at: [{ net: 'tcp', host: '127.0.0.1', port: 80 }, { net: 'unix', path: '/run/x.sock' }], backlog: 16, dualStack: false })
  })

  it('lays gates out in their order', () => {
    assert.deepEqual(nodesOf(pipe(source, deny('10.9.0.0/16'), allow('10.0.0.0/8', '::1'), limit({ maxSessions: 5 }), discard())), [
      { op: 'deny', cidrs: ['10.9.0.0/16'], next: 1 },
      { op: 'allow', cidrs: ['10.0.0.0/8', '::1/128'], next: 2 },
      { op: 'limit', maxSessions: 5, maxSessionsPerAddress: 0, newSessionsPerSecond: 0, next: 3 },
      { op: 'discard', settings: settings() },
    ])
  })

  it('merges settings along the path into the sink, the later one winning', () => {
    const rate = { bytesPerSecond: 1_000, burstBytes: 100 }
    const plan = nodesOf(
      pipe(
        source,
        idleTimeout(1_000),
        throttle({ bytesPerSecond: 1_000 }),
        halfCloseTimeout(2_000),
        keepAlive({ idleSeconds: 5, userTimeoutMs: 9 }),
        idleTimeout(3_000),
        throttle({ bytesPerSecond: 7, burstBytes: 70, direction: 'toDownstream' }),
        highWater(65_536),
        maxDuration(4_000),
        forward(upstream, { connectTimeoutMs: 100, retries: 0, sourceAddress: '::ffff:10.0.0.9' }),
      ),
    )
    assert.deepEqual(plan, [
      {
        op: 'forward',
        upstream: 0,
        connectTimeoutMs: 100,
        retries: 0,
        sourceAddresses: ['10.0.0.9'],
        responses: 0,
        proxyProtocol: 0,
        proxyDialect: 'every',
        hops: [],
        settings: settings({
          idleTimeoutMs: 3_000,
          halfCloseTimeoutMs: 2_000,
          maxDurationMs: 4_000,
          highWaterBytes: 65_536,
          pipedHighWaterBytes: 65_536,
          throttleToUpstream: rate,
          throttleToDownstream: { bytesPerSecond: 7, burstBytes: 70 },
          keepAlive: { idleSeconds: 5, intervalSeconds: 10, probes: 6, userTimeoutMs: 9 },
        }),
      },
    ])
  })

  it('gives every branch of a route its own path and the settings from before the fork', () => {
    const pipeline = pipe(
      source,
      idleTimeout(1_000),
      route(
        when(sni('a.example'), forward(upstream)),
        when(any(prefix('GET '), not(remoteAddress('10.0.0.0/8'))), allow('10.0.0.0/8'), idleTimeout(2_000), forward(unix('/run/b.sock'))),
        otherwise(reset()),
      ),
    )
    const head = { minBytes: 0, maxBytes: 16_384, timeoutMs: 3_000 }
    assert.deepEqual(compile(pipeline).plan.upstreams, [upstream.at, { net: 'unix', path: '/run/b.sock' }])
    assert.deepEqual(nodesOf(pipeline), [
      {
        op: 'route',
        head,
        when: [
          { matcher: { op: 'sni', names: ['a.example'] }, next: 1 },
          {
            matcher: { op: 'any', matchers: [{ op: 'prefix', bytes: Uint8Array.from(Buffer.from('GET ')) }, { op: 'not', matcher: { op: 'remoteAddress', cidrs: ['10.0.0.0/8'] } }] },
            next: 2,
          },
        ],
        otherwise: 4,
      },
      { ...forwarded, settings: settings({ idleTimeoutMs: 1_000 }) },
      { op: 'allow', cidrs: ['10.0.0.0/8'], next: 3 },
      { ...forwarded, upstream: 1, settings: settings({ idleTimeoutMs: 2_000 }) },
      { op: 'reset' },
    ])
    assert.deepEqual(pathsOf(pipeline), ['route[1]', 'route[1].when[0].forward[0]', 'route[1].when[1].allow[0]', 'route[1].when[1].forward[2]', 'route[1].otherwise.reset[0]'])
  })

  it('closes what no branch takes', () => assert.deepEqual(nodesOf(pipe(source, route(when(prefix('a'), echo())))).at(-1), { op: 'close' }))

  it('numbers handlers in the order of their nodes', () => {
    const pipeline = pipe(
      source,
      inspect({ maxBytes: 512 }, pass),
      decide(pass),
      choose({ slow: [throttle({ bytesPerSecond: 100, direction: 'toUpstream' }), echo()], own: stream({ data() {} }) }, { minBytes: 1 }, () => 'slow'),
    )
    const { plan, handlers, hasJs, jsPaths } = compile(pipeline)
    assert.deepEqual(plan.nodes, [
      { op: 'ask', kind: 'inspect', handler: 0, head: { minBytes: 1, maxBytes: 512, timeoutMs: 3_000 }, next: [1] },
      { op: 'ask', kind: 'decide', handler: 1, head: { minBytes: 0, maxBytes: 16_384, timeoutMs: 5_000 }, next: [2] },
      { op: 'ask', kind: 'choose', handler: 2, head: { minBytes: 1, maxBytes: 16_384, timeoutMs: 5_000 }, next: [3, 4] },
      { op: 'echo', settings: settings({ throttleToUpstream: { bytesPerSecond: 100, burstBytes: 10 } }) },
      { op: 'stream', handler: 3, settings: settings() },
    ])
    assert.equal(handlers.length, 4)
    assert.equal(hasJs, true)
    assert.deepEqual(jsPaths, ['inspect[0]', 'decide[1]', 'choose[2]', 'choose[2].own.stream[0]'])
  })

  it('composes transforms in their order towards the upstream and in reverse towards the downstream', () => {
    const handler = (): ChunkHandler => (chunk) => chunk
    const [up1, up2, down1, down2] = [handler(), handler(), handler(), handler()]
    const stages = [transform({ toUpstream: up1, toDownstream: down1 }), transform({ toUpstream: up2 }), transform({ toDownstream: down2 })]
    const [node] = compile(pipe(source, ...stages, forward(upstream))).nodes
    assert.deepEqual(node?.toUpstream, [up1, up2])
    assert.deepEqual(node.toDownstream, [down2, down1])
    const [echoed] = compile(pipe(source, ...stages, echo())).nodes
    assert.deepEqual(echoed?.toUpstream, [up1, up2, down2, down1], 'an echo goes both ways at once')
  })

  it('has the addon call transforms of a direction only where there are any, and never for a stream sink', () => {
    const flags = (pipeline: Pipeline<'stream'>) => {
      const [node] = nodesOf(pipeline)
      assert(node !== undefined && 'settings' in node)
      return [node.settings.transformToUpstream, node.settings.transformToDownstream]
    }
    const toDownstream = transform({ toDownstream: (chunk) => chunk })
    assert.deepEqual(flags(pipe(source, toDownstream, forward(upstream))), [false, true])
    assert.deepEqual(flags(pipe(source, toDownstream, echo())), [true, false])
    assert.deepEqual(flags(pipe(source, toDownstream, discard())), [false, false])
    assert.deepEqual(flags(pipe(source, toDownstream, stream({ data() {} }))), [false, false])
  })

  it('gives one upstream to all forwards that go there', () => {
    const { plan } = compile(pipe(source, route(when(prefix('a'), forward(upstream)), when(prefix('b'), forward(upstream, { retries: 0 })), otherwise(forward(tcp('name.example:80'))))))
    assert.deepEqual(plan.nodes.flatMap((node) => (node.op === 'forward' ? node.upstream : [])), [0, 0, 1])
    assert.equal(plan.upstreams.length, 2)
  })

  it('makes plain data: equal pipelines give equal plans, and a plan survives a clone', () => {
    const make = () => compile(pipe(source, allow('10.0.0.0/8'), route(when(sni('a.example'), close()), otherwise(forward(upstream))))).plan
    assert.deepEqual(make(), make())
    assert.deepEqual(structuredClone(make()), make())
  })
})
