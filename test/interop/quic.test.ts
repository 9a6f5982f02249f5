/** QUIC through `millrace forward`: bursts both ways, of a sender that hands the kernel many datagrams at once where it can. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { udpSocket } from '../support/kernel.ts'
import { sha256 } from '../support/peers.ts'
import { eventually } from '../support/proc.ts'
import { program, randomFile, temporaryFolder } from '../support/programs.ts'
import { faultsOf, flawless, loadEcho, verify } from '../support/udp-load.ts'
import { unusedPorts } from '../support/udp-peers.ts'

describe('bursts behind forward', () => {
  it('a download and an upload of 20 MB over QUIC arrive as they were', async () => {
    using folder = temporaryFolder()
    const [own, port] = [await unusedPorts(1), await unusedPorts(1)]
    const [key, certificate, site, down] = ['key.pem', 'cert.pem', 'site', 'down'].map((name) => join(folder.path, name))
    assert(key !== undefined && certificate !== undefined && site !== undefined && down !== undefined)
    mkdirSync(site)
    mkdirSync(down)
    const expected = await randomFile(join(site, 'file'), 20_000_000)
    await run(program('openssl', 'openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2', '-subj', '/CN=localhost'])
    await using _server = child(program('gtlsserver', 'ngtcp2-server'), ['-q', `--htdocs=${site}`, '127.0.0.1', String(port), key, certificate], { env: plainEnv() })
    await eventually('the server to listen', () => udpSocket(port) !== undefined)
    await using relay = await forwardProcess(`udp://127.0.0.1:${port}`, { listen: `udp://127.0.0.1:${own}`, flags: ['--log'] })
    const client = program('gtlsclient', 'ngtcp2-client')
    for (const [what, flags] of [['download', [`--download=${down}`]], ['upload', ['--data', join(site, 'file')]]] as const) {
      await run(client, ['-q', '--exit-on-all-streams-close', '--timeout=20s', ...flags, '127.0.0.1', String(relay.port), 'https://localhost/file'])
      if (what === 'download') assert.equal(sha256(readFileSync(join(down, 'file'))), expected)
    }
  })

  it('200,000 datagrams in trains of up to 64 come back whole, in order and all, through the program as it is installed', async () => {
    await using echo = await loadEcho('127.0.0.1:0', { gro: 1 })
    await using relay = await forwardProcess(`udp://${echo.address}`, { listen: 'udp://127.0.0.1:0' })
    const report = await verify(`127.0.0.1:${relay.port}`, { flows: 8, count: 200_000, size: '200-1400', window: 32, gso: 1 })
    assert.deepEqual(faultsOf(report), flawless, JSON.stringify(report))
  })
})
