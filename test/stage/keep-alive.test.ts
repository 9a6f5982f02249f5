import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { echo, forward, keepAlive, listen as from, pipe, tcp, unix, type KeepAliveOptions } from '../../lib/index.ts'
import { connect, listen } from '../support/peers.ts'
import { threads, withRelay, type Thread } from '../support/relay.ts'
import { tcpOptions, type TcpOptions } from '../support/socket-options.ts'

const systemDefault = (name: string): number => Number(readFileSync(`/proc/sys/net/ipv4/${name}`, 'latin1'))

/** The options of the relay's two sockets of a session, the downstream's first. */
async function options(thread: Thread, stage: KeepAliveOptions | undefined): Promise<readonly TcpOptions[]> {
  const listener = await listen()
  let found: readonly TcpOptions[] = []
  await withRelay(pipe(from(tcp('127.0.0.1:0')), ...(stage === undefined ? [] : [keepAlive(stage)]), forward(tcp(listener.address))), { thread }, async (relay) => {
    const downstream = await connect(relay.address)
    const upstream = await listener.accept()
    await relay.opens()
    found = await Promise.all([downstream, upstream].map(({ socket }) => tcpOptions(socket.remotePort ?? 0, socket.localPort ?? 0)))
  })
  return found
}

for (const thread of threads) {
  describe(`keepAlive, ${thread} thread`, () => {
    it('sets what it was given on both sides of a session', async () => {
      const [downstream, upstream] = await options(thread, { idleSeconds: 33, intervalSeconds: 7, probes: 4, userTimeoutMs: 12_345 })
      const expected = { keepAlive: 1, idle: 33, interval: 7, probes: 4, userTimeout: 12_345 }
      assert.deepEqual(downstream, expected)
      assert.deepEqual(upstream, expected)
    })

    it('without options: the first probe after 60 s, 6 of them every 10 s, and the user timeout left to the system', async () => {
      for (const side of await options(thread, {})) assert.deepEqual(side, { keepAlive: 1, idle: 60, interval: 10, probes: 6, userTimeout: 0 })
    })

    it('without the stage nothing is set', async () => {
      const [idle, interval, probes] = ['tcp_keepalive_time', 'tcp_keepalive_intvl', 'tcp_keepalive_probes'].map(systemDefault)
      for (const side of await options(thread, undefined)) assert.deepEqual(side, { keepAlive: 0, idle, interval, probes, userTimeout: 0 })
    })

    it('a Unix socket has none, and is served all the same', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-keep-alive-'))
      try {
        await withRelay(pipe(from(unix(join(folder, 'down.sock'))), keepAlive(), echo()), { thread }, async (relay) => {
          const downstream = await connect(relay.address)
          await downstream.end('alive')
          assert.equal((await downstream.readAll()).text, 'alive')
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })
}
