/** Options at run time, where no compiler has looked: unknown names with the nearest known one, numbers with their bounds. */
import assert from 'node:assert/strict'
import { any, choose, close, datagrams, decide, deny, echo, filterDatagrams, forward, generate, halfCloseTimeout, highWater, http, idleTimeout, inspect, keepAlive, limit, listen, maxDuration, not, otherwise, pass, pipe, prefix, quic, route, serve, sni, stream, stun, tcp, throttle, transform, udp, unix, when, wireguard } from '../../lib/index.ts'
import { refused, rejected } from './refused.ts'
import { call } from './untyped.ts'

const misspelt: object = { onEvent: () => undefined }
const endpoint = unix('/run/x.sock')
const flows = udp('127.0.0.1:0')
const [badOption, unknownOption] = ['ERR_MILLRACE_BAD_OPTION', 'ERR_MILLRACE_UNKNOWN_OPTION'] as const

describe('unknown options', () => {
  const cases: readonly (readonly [name: string, act: () => unknown, message: string])[] = [
    ['limit', () => call(limit, { maxSession: 1 }), 'limit: unknown option "maxSession": did you mean "maxSessions"?'],
    ['limit, in another case', () => call(limit, { MAXSESSIONS: 1 }), 'limit: unknown option "MAXSESSIONS": did you mean "maxSessions"?'],
    ['throttle', () => call(throttle, { bytesPerSeconds: 1 }), 'throttle: unknown option "bytesPerSeconds": did you mean "bytesPerSecond"?'],
    ['keepAlive', () => call(keepAlive, { interval: 1 }), 'keepAlive: unknown option "interval": known are idleSeconds, intervalSeconds, probes, userTimeoutMs'],
    ['forward', () => call(forward, endpoint, { connectTimeout: 1 }), 'forward: unknown option "connectTimeout": did you mean "connectTimeoutMs"?'],
    ['listen', () => call(listen, endpoint, { dualstack: true }), 'listen: unknown option "dualstack": did you mean "dualStack"?'],
    ['listen, for datagrams', () => call(listen, flows, { maxFlow: 1 }), 'listen: unknown option "maxFlow": did you mean "maxFlows"?'],
    ['generate', () => call(generate, { size: 1 }), 'generate: unknown option "size": known are flows, sizeBytes, ratePerSecond, window, durationMs, gso'],
    ['filterDatagrams', () => call(filterDatagrams, { upstream: pass }), 'filterDatagrams: unknown option "upstream": did you mean "toUpstream"?'],
    ['inspect', () => call(inspect, { maxByte: 1 }, pass), 'inspect: unknown option "maxByte": did you mean "maxBytes"?'],
    ['decide', () => call(decide, { timeout: 1 }, pass), 'decide: unknown option "timeout": did you mean "timeoutMs"?'],
    ['choose', () => call(choose, { a: echo() }, { min: 1 }, pass), 'choose: unknown option "min": known are minBytes, maxBytes, timeoutMs'],
    ['transform', () => call(transform, { toUpStream: pass }), 'transform: unknown option "toUpStream": did you mean "toUpstream"?'],
    ['stream', () => call(stream, { dat: pass }), 'stream: unknown option "dat": did you mean "data"?'],
  ]
  for (const [name, act, message] of cases) it(`of ${name} are refused with the nearest known one`, () => refused(act, unknownOption, message))

  it('of serve are refused before anything is opened', () =>
    rejected(serve(pipe(listen(endpoint), echo()), misspelt), unknownOption, 'serve: unknown option "onEvent": did you mean "onEvents"?'))
})

describe('times', () => {
  const range = 'must be an integer from 0 to 2147483647 ms (0: never)'
  for (const [name, part] of [['idleTimeout', idleTimeout], ['halfCloseTimeout', halfCloseTimeout], ['maxDuration', maxDuration]] as const) {
    for (const [value, shown] of [[-1, '-1'], [0.5, '0.5'], [Number.NaN, 'NaN'], [Infinity, 'Infinity'], [2 ** 31, '2147483648'], ['60s', '"60s"'], [undefined, 'undefined'], [60n, '60n']] as const) {
      it(`${name} refuses ${shown}`, () => refused(() => call(part, value), badOption, `${name}: ${range}, not ${shown}`))
    }
    it(`${name} takes its bounds`, () => {
      assert.equal(part(0).shows, 'never')
      assert.equal(part(2_147_483_647).shows, '2147483647 ms')
      assert.equal(part(90_000).shows, '90 s')
    })
  }

  it('lingerMs of serve refuses -1, and says that 0 is at once', () =>
    rejected(serve(pipe(listen(endpoint), echo()), { lingerMs: -1 }), badOption, 'serve: lingerMs must be an integer from 0 to 2147483647 ms (0: at once), not -1'))
})

describe('numbers', () => {
  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => highWater(4_095), 'highWater: must be an integer from 4096 to 1073741824 bytes, not 4095'],
    [() => call(highWater, '64KiB'), 'highWater: must be an integer from 4096 to 1073741824 bytes, not "64KiB"'],
    [() => throttle({ bytesPerSecond: 0 }), 'throttle: bytesPerSecond must be an integer from 1 to 1099511627776 bytes a second, not 0'],
    [() => call(throttle, {}), 'throttle: expected at least one of bytesPerSecond, datagramsPerSecond'],
    [() => throttle({ datagramsPerSecond: 2 ** 31 }), 'throttle: datagramsPerSecond must be an integer from 1 to 2147483647 datagrams a second, not 2147483648'],
    [() => throttle({ datagramsPerSecond: 1, burstDatagrams: 0 }), 'throttle: burstDatagrams must be an integer from 1 to 2147483647 datagrams, not 0'],
    [() => call(throttle, { datagramsPerSecond: 1, burstBytes: 1 }), 'throttle: burstBytes is the burst of bytesPerSecond, which is missing'],
    [() => call(throttle, { bytesPerSecond: 1, burstDatagrams: 1 }), 'throttle: burstDatagrams is the burst of datagramsPerSecond, which is missing'],
    [() => listen(flows, { receiveBufferBytes: 4_095 }), 'listen: receiveBufferBytes must be an integer from 4096 to 1073741824 bytes, not 4095'],
    [() => listen(endpoint, { receiveBufferBytes: 4_095 }), 'listen: receiveBufferBytes must be an integer from 4096 to 1073741824 bytes, not 4095'],
    [() => listen(flows, { sendBufferBytes: 1_073_741_825 }), 'listen: sendBufferBytes must be an integer from 4096 to 1073741824 bytes, not 1073741825'],
    [() => listen(endpoint, { maxSegmentBytes: 87 }), 'listen: maxSegmentBytes must be an integer from 88 to 32767 bytes, not 87'],
    [() => listen(flows, { incomingCpu: -1 }), 'listen: incomingCpu must be an integer from 0 to 8191, not -1'],
    [() => listen(flows, { maxFlows: 0 }), 'listen: maxFlows must be an integer from 1 to 1048576 flows, not 0'],
    [() => listen(flows, { maxFlowsPerAddress: 2 ** 20 + 1 }), 'listen: maxFlowsPerAddress must be an integer from 1 to 1048576 flows, not 1048577'],
    [() => forward(udp('10.0.0.1:53'), { responses: -1 }), 'forward: responses must be an integer from 0 to 2147483647 datagrams (0: a flow never ends by them), not -1'],
    [() => stun({ ratePerAddress: 0 }), 'stun: ratePerAddress must be an integer from 1 to 1000000 answers a second, not 0'],
    [() => stun({ software: '' }), 'stun: software must be a text of 1 to 128 bytes, not one of 0'],
    [() => stun({ software: 'é'.repeat(65) }), 'stun: software must be a text of 1 to 128 bytes, not one of 130'],
    [() => call(stun, { software: 8 }), 'stun: software must be a text of 1 to 128 bytes, not 8'],
    [() => call(stun, { rfc3489: 'yes' }), 'stun: rfc3489 must be true or false, not "yes"'],
    [() => generate({ flows: 0 }), 'generate: flows must be an integer from 1 to 65536 flows, not 0'],
    [() => generate({ sizeBytes: 65_508 }), 'generate: sizeBytes must be an integer from 0 to 65507 bytes, not 65508'],
    [() => generate({ ratePerSecond: 0.5 }), 'generate: ratePerSecond must be an integer from 0 to 2147483647 datagrams a second (0: as fast as it goes), not 0.5'],
    [() => generate({ window: 0 }), 'generate: window must be an integer from 1 to 65535 datagrams, not 0'],
    [() => generate({ durationMs: -1 }), 'generate: durationMs must be an integer from 0 to 2147483647 ms (0: never), not -1'],
    [() => throttle({ bytesPerSecond: 1, burstBytes: 2 ** 32 }), 'throttle: burstBytes must be an integer from 1 to 4294967295 bytes, not 4294967296'],
    [() => limit({ maxSessions: 0 }), 'limit: maxSessions must be an integer from 1 to 2147483647 sessions, not 0'],
    [() => limit({ newSessionsPerSecond: 1.5 }), 'limit: newSessionsPerSecond must be an integer from 1 to 2147483647 sessions, not 1.5'],
    [() => keepAlive({ idleSeconds: 32_768 }), 'keepAlive: idleSeconds must be an integer from 1 to 32767 seconds, not 32768'],
    [() => keepAlive({ probes: 0 }), 'keepAlive: probes must be an integer from 1 to 127 probes, not 0'],
    [() => listen(endpoint, { backlog: 0 }), 'listen: backlog must be an integer from 1 to 65535 sessions, not 0'],
    [() => forward(endpoint, { connectTimeoutMs: 0 }), 'forward: connectTimeoutMs must be an integer from 1 to 2147483647 ms, not 0'],
    [() => forward(endpoint, { retries: 17 }), 'forward: retries must be an integer from 0 to 16 attempts, not 17'],
    [() => inspect({ maxBytes: 65_537 }, pass), 'inspect: maxBytes must be an integer from 1 to 65536 bytes, not 65537'],
    [() => inspect({ minBytes: 20, maxBytes: 10 }, pass), 'inspect: minBytes must be at most maxBytes, 10, not 20'],
    [() => inspect({ timeoutMs: 0 }, pass), 'inspect: timeoutMs must be an integer from 1 to 2147483647 ms, not 0'],
  ]
  for (const [act, message] of cases) it(message, () => refused(act, badOption, message))
})

describe('other values', () => {
  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => call(limit), 'limit: expected an object with options, not undefined'],
    [() => limit({}), 'limit: expected at least one of maxSessions, maxSessionsPerAddress, newSessionsPerSecond'],
    [() => call(generate, { gso: 1 }), 'generate: gso must be true or false, not 1'],
    [() => call(datagrams), 'datagrams: the handler must be a function, not undefined'],
    [() => call(filterDatagrams, {}), 'filterDatagrams: expected a function or at least one of toUpstream, toDownstream'],
    [() => call(filterDatagrams), 'filterDatagrams: expected an object with options, not undefined'],
    [() => call(filterDatagrams, { toUpstream: 1 }), 'filterDatagrams: toUpstream must be a function, not 1'],
    [() => listen(flows, { backlog: 1 }), 'listen: backlog is for streams: it is about the queue of sessions that wait to be accepted, and this is a source of datagrams'],
    [() => listen(flows, { maxSegmentBytes: 1_400 }), 'listen: maxSegmentBytes is for streams: it is about the segments of TCP, and this is a source of datagrams'],
    [() => listen(endpoint, { maxFlows: 1 }), 'listen: maxFlows is for datagrams: it is about the flows of UDP peers, and this is a source of streams'],
    [() => listen(endpoint, { maxFlowsPerAddress: 1 }), 'listen: maxFlowsPerAddress is for datagrams: it is about the flows of UDP peers, and this is a source of streams'],
    [() => call(forward, udp('10.0.0.1:53'), { retries: 1 }), 'forward: retries is not for udp 10.0.0.1:53: there is no connection that could fail'],
    [() => call(forward, udp('10.0.0.1:53'), { connectTimeoutMs: 1 }), 'forward: connectTimeoutMs is not for udp 10.0.0.1:53: there is no connection to wait for'],
    [() => call(forward, tcp('10.0.0.1:53'), { responses: 1 }), 'forward: responses is not for tcp 10.0.0.1:53: a stream ends by FIN, not after a number of datagrams'],
    [() => call(keepAlive, 60), 'keepAlive: expected an object with options, not 60'],
    [() => call(keepAlive, []), 'keepAlive: expected an object with options, not an array'],
    [() => call(keepAlive, null), 'keepAlive: expected an object with options, not null'],
    [() => call(throttle, { bytesPerSecond: 1, direction: 'up' }), 'throttle: direction must be "both" or "toUpstream" or "toDownstream", not "up"'],
    [() => call(listen, endpoint, { dualStack: 1 }), 'listen: dualStack must be true or false, not 1'],
    [() => call(inspect), 'inspect: the handler must be a function, not undefined'],
    [() => call(inspect, {}), 'inspect: the handler must be a function, not an object'],
    [() => call(decide, {}, pass()), 'decide: the handler must be a function, not an object'],
    [() => call(choose, { a: echo() }, 'a'), 'choose: the handler must be a function, not "a"'],
    [() => call(choose, 'a', pass), 'choose: expected an object with branches, not "a"'],
    [() => call(transform, {}), 'transform: expected at least one of toUpstream, toDownstream'],
    [() => call(transform, { toUpstream: 'x' }), 'transform: toUpstream must be a function, not "x"'],
    [() => call(stream, undefined), 'stream: expected an object with handlers, not undefined'],
    [() => call(stream, {}), 'stream: data must be a function, not undefined'],
    [() => call(stream, { data: pass, end: 1 }), 'stream: end must be a function, not 1'],
    [() => prefix(''), 'prefix: the prefix must be 1 to 16384 bytes long, not 0'],
    [() => call(prefix, 1), 'prefix: the prefix must be a Uint8Array or a string, not 1'],
  ]
  for (const [act, message] of cases) it(message, () => refused(act, badOption, message))
})

describe('parts at run time', () => {
  const bad = 'ERR_MILLRACE_BAD_PIPELINE'
  const source = listen(endpoint)
  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => call(pipe, source), 'pipe: the chain has no sink: end it with one, such as forward(…) or close()'],
    [() => call(pipe, source, deny('::/0')), 'pipe: the chain has no sink: end it with one, such as forward(…) or close()'],
    [() => call(pipe, source, echo(), deny('::/0')), 'pipe: the part deny stands after the sink echo, which ends the chain'],
    [() => call(pipe, source, [deny('::/0')], echo()), 'pipe: expected a stage or a sink at place 1, not an array (spread an array of stages: ...stages)'],
    [() => call(pipe, source, endpoint), 'pipe: expected a stage or a sink at place 1, not an endpoint'],
    [() => call(pipe, source, {}), 'pipe: expected a stage or a sink at place 1, not an object'],
    [() => call(pipe, endpoint, echo()), 'pipe: expected listen(…) or generate(…) first, not an endpoint'],
    [() => call(when, prefix('a'), source), 'when: expected a stage or a sink at place 1, not the part listen'],
    [() => call(when, prefix('a'), echo(), source), 'when: the part listen stands after the sink echo, which ends the chain'],
    [() => call(when, prefix('a'), when(prefix('b'), echo())), 'when: expected a stage or a sink at place 1, not the part when'],
    [() => call(when, prefix('a'), otherwise(echo())), 'when: expected a stage or a sink at place 1, not the part otherwise'],
    [() => call(otherwise, pipe(source, echo())), 'otherwise: expected a stage or a sink at place 1, not a pipeline'],
    [() => call(listen, []), 'listen: expected at least one endpoint'],
    [() => call(listen, '127.0.0.1:80'), 'listen: expected an endpoint such as tcp("127.0.0.1:8080"), not "127.0.0.1:80"'],
    [() => call(forward, '127.0.0.1:80'), 'forward: expected an endpoint such as tcp("10.0.0.1:80"), not "127.0.0.1:80"'],
    [() => call(listen, [tcp(':80'), flows]), 'listen: expected endpoints of one kind, not tcp 127.0.0.1:80 and udp 127.0.0.1:0: make a pipeline for each'],
    [() => listen([tcp(':80'), tcp(':81'), tcp(':80')]), 'listen: tcp 127.0.0.1:80 stands there twice, but each port can be listened to once'],
    [() => listen([udp(':80-90'), udp(':90-91')]), 'listen: udp 127.0.0.1:80-90 and udp 127.0.0.1:90-91 overlap, but each port can be listened to once'],
    [() => listen([udp(':85'), udp(':80-90')]), 'listen: udp 127.0.0.1:85 and udp 127.0.0.1:80-90 overlap, but each port can be listened to once'],
    [() => listen([unix('/a'), unix('/a')]), 'listen: unix /a stands there twice, but each path can be listened to once'],
    [() => listen([udp('10.0.0.1:1-65535'), udp('10.0.0.2:1-2')]), 'listen: these are 65537 ports, but a pipeline listens to at most 65536'],
    [() => call(not, echo()), 'not: expected a matcher such as sni(…), not the part echo'],
    [() => call(any), 'any: expected at least one matcher'],
    [() => call(route), 'route: expected at least one branch'],
    [() => call(route, echo()), 'route: expected when(…) or otherwise(…), not the part echo'],
    [() => call(choose, {}, pass), 'choose: expected at least one branch'],
    [() => call(choose, { a: [] }, pass), 'choose: a: the chain has no sink: end it with one, such as forward(…) or close()'],
  ]
  for (const [act, message] of cases) {
    it(message, () => (message.startsWith('choose: a') ? assert.throws(act, { code: bad, message }) : refused(act, bad, message)))
  }

  it('listen takes free ports, other hosts and neighbours', () => {
    listen([flows, flows, udp(':80-90'), udp(':91'), udp('[::1]:80'), udp('0.0.0.0:80')])
    listen(udp('10.0.0.1:1-65535'))
  })

  it('serve: an endpoint or nothing is no pipeline', async () => {
    await rejected(serve([]), bad, 'serve: expected at least one pipeline')
    await assert.rejects(async () => call(serve, tcp('127.0.0.1:0')), { code: bad, message: 'serve: expected a pipeline made by pipe(…), not an endpoint' })
  })

  it('serve: a pipeline with a node in JS cannot have a thread of its own', () =>
    rejected(serve([pipe(source, echo()), pipe(source, inspect(pass), echo())], { thread: 'own' }), badOption, 'serve: thread "own" needs pipelines without a node in JS, but pipeline 1 has inspect[0]'))
})

describe('a chain that does not fit its source', () => {
  const bad = 'ERR_MILLRACE_BAD_PIPELINE'
  const [stream1, datagram1] = [listen(tcp(':0')), listen(flows)]
  const streams = 'is a source of streams'
  const datagramsFrom = 'but listen udp 127.0.0.1:0 is a source of datagrams'
  const cases: readonly (readonly [act: () => unknown, message: string])[] = [
    [() => call(pipe, stream1, datagrams(() => {})), `pipe: the part datagrams is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, stream1, filterDatagrams(() => {}), echo()), `pipe: the part filterDatagrams is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, stream1, throttle({ datagramsPerSecond: 1 }), echo()), `pipe: the part throttle is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, stream1, forward(udp(':1'))), `pipe: the part forward is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, datagram1, forward(unix('/a'))), `pipe: the part forward is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, inspect(pass), echo()), `pipe: the part inspect is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, transform({ toUpstream: () => null }), echo()), `pipe: the part transform is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, choose({ a: echo() }, () => 'a')), `pipe: the part choose is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, highWater(65_536), echo()), `pipe: the part highWater is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, keepAlive(), echo()), `pipe: the part keepAlive is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, route(when(any(not(sni('a'))), echo()))), `pipe: the part route is for streams, ${datagramsFrom}`],
    [() => call(pipe, datagram1, route(when(any(prefix('a'), http()), echo()))), `pipe: the part route is for streams, ${datagramsFrom}`],
    [() => call(pipe, stream1, route(when(http(), echo()), when(wireguard(), echo()))), `pipe: the part route is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, stream1, route(when(any(quic(), prefix('x')), echo()))), `pipe: the part route is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, stream1, route(when(not(wireguard()), echo()))), `pipe: the part route is for datagrams, but listen tcp 127.0.0.1:0 ${streams}`],
    [() => call(pipe, datagram1, route(when(prefix('a'), echo()), otherwise(halfCloseTimeout(1), close()))), `pipe: the part halfCloseTimeout is for streams, ${datagramsFrom}`],
    [
      () => pipe(listen(udp('0.0.0.0:7890-7900')), forward(udp('10.0.0.3:7890-7899'))),
      'forward: udp 10.0.0.3:7890-7899 has 10 ports, but listen udp 0.0.0.0:7890-7900 has 11: each port listened to goes to the one at its place in the other range, so both need the same number',
    ],
    [
      () => pipe(listen([tcp(':10-11'), tcp(':20')]), route(when(prefix('a'), forward(tcp(':1-2'))))),
      'forward: tcp 127.0.0.1:1-2 has 2 ports, but listen tcp 127.0.0.1:20 has 1: each port listened to goes to the one at its place in the other range, so both need the same number',
    ],
    [() => pipe(generate(), echo()), 'generate: the chain must be one forward, such as forward(udp("10.0.0.1:7890")), not echo'],
    [() => pipe(generate(), throttle({ bytesPerSecond: 1 }), forward(udp(':1'))), 'generate: the chain must be one forward, such as forward(udp("10.0.0.1:7890")), but it has the stage throttle'],
    [() => pipe(listen(flows), limit({ maxSessions: 1 }), stun()), 'pipe: the stage limit cannot stand before stun: stun answers datagrams without a flow, use its option ratePerAddress'],
    [() => pipe(listen(flows), throttle({ bytesPerSecond: 1 }), route(otherwise(stun()))), 'pipe: the stage throttle cannot stand before stun: stun answers datagrams without a flow, use its option ratePerAddress'],
    [() => pipe(listen(flows), filterDatagrams(() => {}), stun()), 'pipe: the stage filterDatagrams cannot stand before stun'],
    [() => pipe(listen(tcp(':1')), transform({ toUpstream: (chunk) => chunk }), stun()), 'pipe: the stage transform cannot stand before stun'],
    [() => call(pipe, generate(), forward(tcp(':1'))), 'pipe: the part forward is for streams, but generate 1 flow, 64 bytes, as fast as it goes is a source of datagrams'],
  ]
  for (const [act, message] of cases) it(message, () => refused(act, bad, message))

  it('is none where all ranges have the same length, or the upstream has one port', () => {
    pipe(listen([udp(':10-12'), udp('[::1]:20-22')]), forward(udp('10.0.0.3:1-3')))
    pipe(listen([udp(':10-12'), udp(':20')]), forward(udp('10.0.0.3:1')))
  })
})
