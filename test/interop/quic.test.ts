/** QUIC through `millrace forward`: bursts both ways, of a sender that hands the kernel many datagrams at once where it can. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { forward, listen as from, otherwise, pipe, quic, route, udp, when } from '../../lib/index.ts'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { udpSocket } from '../support/kernel.ts'
import { sha256 } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { program, randomFile, temporaryFolder } from '../support/programs.ts'
import { withRelay } from '../support/relay.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'
import { udpPeer } from '../support/udp-peers.ts'
import { unusedPort } from '../support/unused-ports.ts'

/** A QUIC server on a port of its own, with a file of 20 MB. */
async function quicServer(folder: string) {
  const port = await unusedPort()
  const [key, certificate, site] = ['key.pem', 'cert.pem', 'site'].map((name) => join(folder, name))
  assert(key !== undefined && certificate !== undefined && site !== undefined)
  mkdirSync(site)
  const expected = await randomFile(join(site, 'file'), 20_000_000)
  await run(program('openssl', 'openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'])
  const server = child(program('gtlsserver', 'ngtcp2-server'), ['-q', `--htdocs=${site}`, '127.0.0.1', String(port), key, certificate], { env: plainEnv() })
  await eventually('the server to listen', () => udpSocket(port) !== undefined)
  return { port, expected, file: join(site, 'file'), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

describe('bursts behind forward', () => {
  it('a download and an upload of 20 MB over QUIC arrive as they were', async () => {
    using folder = temporaryFolder()
    await using server = await quicServer(folder.path)
    const [own, down] = [await unusedPort(), join(folder.path, 'down')]
    mkdirSync(down)
    await using relay = await forwardProcess(`udp://127.0.0.1:${server.port}`, { listen: `udp://127.0.0.1:${own}`, flags: ['--log'] })
    const client = program('gtlsclient', 'ngtcp2-client')
    for (const [what, flags] of [['download', [`--download=${down}`]], ['upload', ['--data', server.file]]] as const) {
      await run(client, ['-q', '--exit-on-all-streams-close', '--timeout=20s', ...flags, '127.0.0.1', String(relay.port), 'https://localhost/file'])
      if (what === 'download') assert.equal(sha256(readFileSync(join(down, 'file'))), server.expected)
    }
  })

  const clients = [
    { version: '1', ofVersion: ['--version=0x1'], flows: 1 },
    // It comes again from another port when it has been told the versions of the server.
    { version: '0x1a2a3a4a, which is reserved, and then 1', ofVersion: ['--version=0x1a2a3a4a', '--preferred-versions=v1', '--other-versions=v1'], flows: 2 },
  ]
  for (const { version, ofVersion, flows } of clients) {
    it(`quic sends a client of version ${version}, and all that it says afterwards to its server, and what is no QUIC elsewhere`, async () => {
      using folder = temporaryFolder()
      await using server = await quicServer(folder.path)
      const [down, others] = [join(folder.path, 'down'), await udpPeer(undefined, { answer: () => 'others' })]
      mkdirSync(down)
      const pipeline = pipe(from(udp('127.0.0.1:0')), route(when(quic(), forward(udp(`127.0.0.1:${server.port}`))), otherwise(forward(udp(others.address)))))
      await withRelay(pipeline, {}, async (relay) => {
        const stranger = await udpPeer(relay.address)
        assert.equal(await stranger.ask('no QUIC'), 'others')
        const [host, port] = relay.address.split(':')
        const flags = ['-q', '--exit-on-all-streams-close', '--timeout=20s', ...ofVersion, `--download=${down}`]
        await run(program('gtlsclient', 'ngtcp2-client'), [...flags, String(host), String(port), 'https://localhost/file'])
        assert.equal(sha256(readFileSync(join(down, 'file'))), server.expected)
        assert.equal(await stranger.ask('no QUIC'), 'others')
        assert.equal(others.count(), 2)
        assert.equal(relay.server.ledger().sessions.open, 1 + flows)
      })
    })
  }

  it('200,000 datagrams in trains of up to 64 come back whole, in order and all, through the program as it is installed', async () => {
    await using echo = await loadEcho('127.0.0.1:0', { gro: 1 })
    await using relay = await forwardProcess(`udp://${echo.address}`, { listen: 'udp://127.0.0.1:0' })
    const report = await verify(`127.0.0.1:${relay.port}`, { flows: 8, count: 200_000, size: '200-1400', window: 32, gso: 1 })
    assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
  })
})
