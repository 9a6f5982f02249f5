/** A shard that cannot start fails the whole start, and nothing is left behind. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { compile } from '../../lib/compile.ts'
import { echo, listen, pipe, serve, tcp, udp, type Pipeline, type ServeOptions } from '../../lib/index.ts'
import { loadNative } from '../../lib/native.ts'
import { openRelay } from '../../lib/relay.ts'
import { descriptors, openedSince } from '../support/descriptors.ts'
import * as streams from '../support/peers.ts'
import { relayProcess } from '../support/relay-process.ts'
import { closeUdpPeers, udpPeer } from '../support/udp-peers.ts'
import { until } from '../support/until.ts'
import { unusedPorts } from '../support/unused-ports.ts'

const on = { udp: (at: string) => pipe(listen(udp(at)), echo()), tcp: (at: string) => pipe(listen(tcp(at)), echo()) }
const nets = ['udp', 'tcp'] as const

/** That it is refused so, with no thread and no descriptor more than before. */
async function refused(pipelines: Pipeline<'stream'> | Pipeline<'datagram'>, options: ServeOptions, expected: object): Promise<void> {
  const before = descriptors()
  const threads = loops()
  await assert.rejects(serve(pipelines, options), expected)
  await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
  await until(() => loops() <= threads, 'its threads to be gone')
}

/** Threads of this process. */
const loops = (): number => readdirSync('/proc/self/task').length

describe('shards that cannot all start', () => {
  afterEach(async () => {
    await streams.destroyPeers()
    await closeUdpPeers()
  })

  for (const net of nets) {
    it(`do not slip in beside others that share the port, ${net}`, async () => {
      await using server = await serve(on[net]('127.0.0.1:0'), { shards: 2 })
      const taken = server.addresses[0]?.text ?? ''
      for (const shards of [1, 2]) await refused(on[net](taken), { shards }, { name: 'RelayError', code: 'EADDRINUSE', message: `listen EADDRINUSE ${taken}` })
    })

    it(`fail where one port of a range is taken, ${net}`, async () => {
      const first = await unusedPorts(3)
      if (net === 'udp') await udpPeer(undefined, { port: first + 1 })
      else await streams.listen({ port: first + 1 })
      await refused(on[net](`127.0.0.1:${first}-${first + 2}`), { shards: 2 }, { code: 'EADDRINUSE', port: first + 1 })
      await using server = await serve(on[net](`127.0.0.1:${first}`), { shards: 2 })
      assert.equal(server.addresses[0]?.port, first, 'what was bound meanwhile is free again')
    })

    it(`fail together where the descriptors do not reach for the last, ${net}`, async () => {
      const first = await unusedPorts(40)
      const text = `127.0.0.1:${first}-${first + 39}`
      await assert.rejects(
        relayProcess(on[net](text), { shards: 4, descriptors: 150 }),
        /socket EMFILE|listen EMFILE/,
      )
      await using server = await serve(on[net](text), { shards: 4 })
      assert.equal(server.addresses.length, 40)
    })
  }

  it('leave nothing where the kernel gives no thread: that of a CPU that does not exist', async () => {
    const before = descriptors()
    const threads = loops()
    const relay = openRelay({
      native: loadNative(), ownThread: true, plans: [{ pipeline: 0, compiled: compile(on.udp('127.0.0.1:0')) }], idOf: (id) => id, maxPendingBytes: 1 << 20, maxPipeBytes: 0, lingerMs: 0,
      transport: 'auto', ioUring: true, sharing: 'none', draining: undefined, shard: 0, cpu: 1023, first: undefined, debug: false, lookUp: async () => [], onEvents: undefined, sessionEvents: false, onError: assert.ifError,
    })
    assert.throws(() => relay.native.start(), { code: 'EINVAL', syscall: 'pthread_create', message: 'pthread_create EINVAL' })
    relay.native.close(0)
    await until(() => openedSince(before).length === 0, () => `descriptors to be closed: ${openedSince(before).join(' ')}`)
    await until(() => loops() <= threads, 'its thread to be gone')
  })

  it('refuse a CPU that this process may not run on, and more shards than there can be', async () => {
    await refused(on.udp('127.0.0.1:0'), { pin: [8_191] }, { code: 'ERR_MILLRACE_BAD_OPTION', message: /^serve: pin: 8191 is not a CPU that this process may run on: those are [\d,-]+$/ })
    await refused(on.udp('127.0.0.1:0'), { shards: 129 }, { code: 'ERR_MILLRACE_BAD_OPTION', message: 'serve: shards must be an integer from 1 to 128 loops, not 129' })
  })
})
