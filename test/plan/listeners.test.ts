/** What pipelines that are served together listen to, before anything is bound. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { compile } from '../../lib/compile.ts'
import { echo, forward, listen, pipe, tcp, udp, unix, type Pipeline } from '../../lib/index.ts'
import { checkListeners } from '../../lib/listeners.ts'
import { refused } from './refused.ts'

type Served = Pipeline<'stream'> | Pipeline<'datagram'>
const check = (...pipelines: readonly Served[]): void => { checkListeners(pipelines.map((pipeline) => compile(pipeline).plan)) }
const bad = 'ERR_MILLRACE_BAD_PIPELINE'

describe('listeners of several pipelines', () => {
  const at = (address: string): Served => pipe(listen(udp(address)), echo())

  for (const [title, pipelines, message] of [
    ['the same port', [at('127.0.0.1:9005'), at('127.0.0.1:9005')], 'pipelines 0 and 1 cannot both listen: udp 127.0.0.1:9005 is in both'],
    ['a port of a range', [at('127.0.0.1:80'), at('127.0.0.1:9000-9010'), at('127.0.0.1:9005')], 'pipelines 1 and 2 cannot both listen: udp 127.0.0.1:9005 is in both'],
    ['all addresses and one', [at('0.0.0.0:9005'), at('127.0.0.1:9005')], 'pipelines 0 and 1 cannot both listen: udp 0.0.0.0:9005 and udp 127.0.0.1:9005 overlap'],
    ['one address and all', [at('127.0.0.1:9005'), at('[::]:9005')], 'pipelines 0 and 1 cannot both listen: udp 127.0.0.1:9005 and udp [::]:9005 overlap'],
  ] as const) it(`are refused with ${title}`, () => refused(() => check(...pipelines), bad, `serve: ${message}`))

  it('are fine where no datagram could come to both', () => {
    check(at('127.0.0.1:9005'), at('127.0.0.2:9005'), at('[::1]:9005'), at('127.0.0.1:0'), at('127.0.0.1:0'), pipe(listen(tcp('127.0.0.1:9005')), echo()))
    check(at('0.0.0.0:9005'), pipe(listen(udp('[::]:9005'), { dualStack: false }), echo()), pipe(listen(unix('/a')), echo()))
  })
})

describe('a forward to where it comes from', () => {
  const own = Object.values(networkInterfaces()).flat().find((one) => one?.family === 'IPv4')?.address ?? '127.0.0.1'

  for (const [title, pipeline, message] of [
    ['to its own port', pipe(listen(tcp(':7000')), forward(tcp(':7000'))), 'tcp 127.0.0.1:7000 is where it comes from: the pipeline listens to tcp 127.0.0.1:7000'],
    ['by all addresses', pipe(listen(udp('0.0.0.0:7000')), forward(udp('127.0.0.5:7000'))), 'udp 127.0.0.5:7000 is where it comes from: the pipeline listens to udp 0.0.0.0:7000'],
    ['by an address of this machine', pipe(listen(udp('[::]:7000')), forward(udp(`${own}:7000`))), `udp ${own}:7000 is where it comes from: the pipeline listens to udp [::]:7000`],
    ['in a range', pipe(listen(udp(':7000-7005')), forward(udp(':7003'))), 'udp 127.0.0.1:7003 is where it comes from: the pipeline listens to udp 127.0.0.1:7003'],
    ['from a range to the same', pipe(listen(udp(':7000-7005')), forward(udp(':7000-7005'))), 'udp 127.0.0.1:7000 is where it comes from: the pipeline listens to udp 127.0.0.1:7000'],
  ] as const) it(`is refused ${title}`, () => refused(() => check(pipeline), bad, `forward: ${message}`))

  it('is not the same port elsewhere, another port here, or the port of another protocol', () => {
    check(pipe(listen(udp('127.0.0.1:7000')), forward(udp('127.0.0.2:7000'))), pipe(listen(udp('0.0.0.0:53')), forward(udp('192.0.2.1:53'))))
    check(pipe(listen(udp(':7000-7005')), forward(udp(':7006-7011'))), pipe(listen(tcp(':7000')), forward(tcp(':7001'))))
    check(pipe(listen(udp('0.0.0.0:7000'), { dualStack: false }), forward(udp('[::1]:7000'))), pipe(listen(tcp(':0')), forward(tcp(':80'))))
  })
})

it('serve refuses them before it opens anything', async () => {
  const { serve } = await import('../../lib/index.ts')
  await assert.rejects(serve(pipe(listen(udp(':7000')), forward(udp(':7000')))), { code: bad })
})
