/** What `shards`, `pin`, `steer` and `reusePort` come to, and what is refused with which words. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { datagrams, discard, echo, forward, generate, inspect, listen, otherwise, pass, pipe, route, serve, stunBinding, stun, tcp, udp, unix, when, type ServeOptions } from '../../lib/index.ts'
import { allowedCpus, checkShards, shardsText } from '../../lib/shards.ts'
import type { Served } from '../support/relay.ts'

const cpus = allowedCpus()
const [first = 0] = cpus

describe('shards', () => {
  it('are one, that is like any other, where nothing is asked', () => {
    const sharding = checkShards({})
    assert.deepEqual(sharding, { shards: [{ number: 0, cpu: undefined, sharing: 'none' }], steer: 'hash', asked: false, reusePort: false })
    assert.equal(shardsText(sharding), '')
  })

  it('the first of several finds its address free, the others share it', () => {
    assert.deepEqual(checkShards({ shards: 3 }).shards.map(({ sharing }) => sharing), ['first', 'another', 'another'])
    assert.deepEqual(checkShards({ shards: 2, reusePort: true }).shards.map(({ sharing }) => sharing), ['another', 'another'])
  })

  it('auto is one for each CPU that the process may run on', () => {
    assert.equal(checkShards({ shards: 'auto' }).shards.length, cpus.length)
    assert.equal(cpus.length, availableParallelism())
  })

  it('are pinned to the CPUs of the list, or to those there are in turn', () => {
    assert.deepEqual(checkShards({ shards: 2, pin: [first, first] }).shards.map(({ cpu }) => cpu), [first, first])
    const many = checkShards({ shards: cpus.length + 1, pin: true })
    assert.deepEqual(many.shards.map(({ cpu }) => cpu), [...cpus, first])
    assert.match(shardsText(many), new RegExp(`^${cpus.length + 1} shards, pinned to CPUs ${[...cpus, first].join(', ')}, chosen by a hash of addresses and ports$`))
    assert.equal(shardsText(checkShards({ pin: [first] })), `1 shard, pinned to CPU ${first}`)
  })
})

describe('shards that make no sense', () => {
  const stream = pipe(listen(tcp('127.0.0.1:0')), echo())
  const flows = pipe(listen(udp('127.0.0.1:0')), echo())
  const relayed = pipe(listen(udp('127.0.0.1:0')), route(when(stunBinding(), stun()), otherwise(forward(udp('10.0.0.1:7')))))
  const inJs = pipe(listen(udp('127.0.0.1:0')), datagrams(() => undefined))
  const asks = pipe(listen(tcp('127.0.0.1:0')), inspect(() => pass()), echo())
  const made = pipe(generate({ ratePerSecond: 1 }), forward(udp('127.0.0.1:7')))
  const odd = (options: object): ServeOptions => options
  const cases: readonly (readonly [pipelines: Served | readonly Served[], options: ServeOptions, message: string | RegExp])[] = [
    [stream, { shards: 0 }, 'shards must be an integer from 1 to 128 loops, not 0'],
    [stream, { shards: 1.5 }, 'shards must be an integer from 1 to 128 loops, not 1.5'],
    [stream, odd({ shards: 'all' }), 'shards must be an integer from 1 to 128 loops, or "auto", not "all"'],
    [stream, odd({ pin: 0 }), 'pin must be true, false or an array of CPU numbers, not 0'],
    [stream, { shards: 2, pin: [first] }, 'pin names 1 CPU, but there are 2 shards: expected one CPU for each'],
    [stream, odd({ pin: ['0'] }), /pin: "0" is not a CPU that this process may run on: those are [\d,-]+$/],
    [stream, odd({ steer: 'rss' }), 'steer must be "hash" or "cpu", not "rss"'],
    [stream, odd({ reusePort: 1 }), 'reusePort must be true or false, not 1'],
    [stream, { shards: 2, steer: 'cpu', reusePort: true }, /^serve: steer "cpu" chooses among the shards of this server, and with reusePort others have the same addresses/],
    [stream, { shards: cpus.length + 1, steer: 'cpu' }, /^serve: steer "cpu" needs a CPU for each shard, but there are \d+ shards and there are \d+ CPUs: what is received on a CPU goes to one shard$/],
    [stream, { shards: 2, pin: [first, first], steer: 'cpu' }, 'steer "cpu" needs a CPU for each shard, but there are 2 shards and two of them are pinned to one CPU: what is received on a CPU goes to one shard'],
    [stream, { shards: 2, thread: 'embedded' }, 'shards and pin are about threads of their own, and thread "embedded" is the calling one'],
    [stream, { pin: true, thread: 'embedded' }, 'shards and pin are about threads of their own, and thread "embedded" is the calling one'],
    [[stream, inJs], { shards: 2 }, 'shards and pin need pipelines without a node in JS, but pipeline 1 has datagrams[0]: "millrace run FILE --workers" runs the file in several threads'],
    [asks, { shards: 'auto' }, /but pipeline 0 has inspect\[0\]/],
    [pipe(listen(unix('/tmp/never.sock')), echo()), { shards: 2 }, 'pipeline 0 listens to unix /tmp/never.sock, and a Unix socket cannot be shared'],
    [pipe(listen(unix('/tmp/never.sock')), echo()), { reusePort: true }, 'pipeline 0 listens to unix /tmp/never.sock, and a Unix socket cannot be shared'],
    [made, { shards: 2 }, 'pipeline 0 generates, and does so in one loop: start it several times'],
    [pipe(listen(udp('127.0.0.1:0'), { incomingCpu: 0 }), discard()), { shards: 2 }, 'pipeline 0 has incomingCpu, which would be the same in all shards: use steer "cpu"'],
    [[flows, relayed], { shards: 2, steer: 'cpu' }, 'steer "cpu" would tear the flows of pipeline 1 apart: forward of datagrams needs steer "hash"'],
  ]
  for (const [pipelines, options, message] of cases) {
    it(`are refused: ${typeof message === 'string' ? message : message.source}`, async () => {
      await assert.rejects(serve(pipelines, options), { name: 'RelayError', code: 'ERR_MILLRACE_BAD_OPTION', message: typeof message === 'string' ? `serve: ${message}` : message })
    })
  }
})
