/** Options at run time, where no compiler has looked: unknown names with the nearest known one, numbers with their bounds. */
import assert from 'node:assert/strict'
import { any, choose, decide, deny, echo, forward, halfCloseTimeout, highWater, idleTimeout, inspect, keepAlive, limit, listen, maxDuration, not, otherwise, pass, pipe, prefix, route, serve, stream, tcp, throttle, transform, unix, when } from '../../lib/index.ts'
import { refused, rejected } from './refused.ts'
import { call } from './untyped.ts'

const misspelt: object = { onEvent: () => undefined }
const endpoint = unix('/run/x.sock')
const [badOption, unknownOption] = ['ERR_MILLRACE_BAD_OPTION', 'ERR_MILLRACE_UNKNOWN_OPTION'] as const

describe('unknown options', () => {
  const cases: readonly (readonly [name: string, act: () => unknown, message: string])[] = [
    ['limit', () => call(limit, { maxSession: 1 }), 'limit: unknown option "maxSession": did you mean "maxSessions"?'],
    ['limit, in another case', () => call(limit, { MAXSESSIONS: 1 }), 'limit: unknown option "MAXSESSIONS": did you mean "maxSessions"?'],
    ['throttle', () => call(throttle, { bytesPerSeconds: 1 }), 'throttle: unknown option "bytesPerSeconds": did you mean "bytesPerSecond"?'],
    ['keepAlive', () => call(keepAlive, { interval: 1 }), 'keepAlive: unknown option "interval": known are idleSeconds, intervalSeconds, probes, userTimeoutMs'],
    ['forward', () => call(forward, endpoint, { connectTimeout: 1 }), 'forward: unknown option "connectTimeout": did you mean "connectTimeoutMs"?'],
    ['listen', () => call(listen, endpoint, { dualstack: true }), 'listen: unknown option "dualstack": did you mean "dualStack"?'],
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
    [() => call(throttle, {}), 'throttle: bytesPerSecond must be an integer from 1 to 1099511627776 bytes a second, not undefined'],
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
    [() => call(pipe, endpoint, echo()), 'pipe: expected listen(…) first, not an endpoint'],
    [() => call(when, prefix('a'), source), 'when: expected a stage or a sink at place 1, not the part listen'],
    [() => call(when, prefix('a'), echo(), source), 'when: the part listen stands after the sink echo, which ends the chain'],
    [() => call(when, prefix('a'), when(prefix('b'), echo())), 'when: expected a stage or a sink at place 1, not the part when'],
    [() => call(when, prefix('a'), otherwise(echo())), 'when: expected a stage or a sink at place 1, not the part otherwise'],
    [() => call(otherwise, pipe(source, echo())), 'otherwise: expected a stage or a sink at place 1, not a pipeline'],
    [() => call(listen, []), 'listen: expected at least one endpoint'],
    [() => call(listen, '127.0.0.1:80'), 'listen: expected an endpoint such as tcp("127.0.0.1:8080"), not "127.0.0.1:80"'],
    [() => call(forward, '127.0.0.1:80'), 'forward: expected an endpoint such as tcp("10.0.0.1:80"), not "127.0.0.1:80"'],
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

  it('serve: an endpoint or nothing is no pipeline', async () => {
    await rejected(serve([]), bad, 'serve: expected at least one pipeline')
    await assert.rejects(async () => call(serve, tcp('127.0.0.1:0')), { code: bad, message: 'serve: expected a pipeline made by pipe(…), not an endpoint' })
  })

  it('serve: a pipeline with a node in JS cannot have a thread of its own', () =>
    rejected(serve([pipe(source, echo()), pipe(source, inspect(pass), echo())], { thread: 'own' }), badOption, 'serve: thread "own" needs pipelines without a node in JS, but pipeline 1 has inspect[0]'))
})
