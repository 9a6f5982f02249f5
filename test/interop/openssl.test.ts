/** TLS that the relay cannot read: 50 MB each way between `openssl s_client` and `openssl s_server`. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess } from '../support/forward-process.ts'
import { digestOf, program, randomFile, temporaryFolder } from '../support/programs.ts'
import { tcpSocket } from '../support/kernel.ts'
import { until } from '../support/until.ts'
import { unusedPort } from '../support/unused-ports.ts'

const size = 50_000_000
/** As /proc/net/tcp writes it: TCP_LISTEN. */
const listening = '0A'

describe('openssl s_server behind forward', () => {
  const folder = temporaryFolder()
  const file = join(folder.path, 'bytes.bin')
  const [key, certificate] = [join(folder.path, 'key.pem'), join(folder.path, 'certificate.pem')]
  const trust = ['-CAfile', certificate, '-verify_return_error']
  let openssl = ''
  let expected = ''

  before(async () => {
    openssl = program('openssl', 'openssl')
    expected = await randomFile(file, size)
    await run(openssl, ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', certificate])
  })

  after(() => {
    folder[Symbol.dispose]()
  })

  it('50 MB to the downstream arrive as they were', async () => {
    const args = ['s_server', '-accept', '127.0.0.1:0', '-key', key, '-cert', certificate, '-WWW']
    await using server = child(openssl, args, { env: plainEnv(), cwd: folder.path })
    const port = Number((await server.line(/^ACCEPT 127\.0\.0\.1:(\d+)/))[1])
    await using relay = await forwardProcess(port)
    const got = await digestOf(openssl, ['s_client', '-connect', `127.0.0.1:${relay.port}`, ...trust, '-quiet'], {
      input: 'GET /bytes.bin HTTP/1.0\r\n\r\n',
      keepOpen: true,
      skip: (start) => {
        const end = start.indexOf('\r\n\r\n')
        return end < 0 ? -1 : end + 4
      },
    })
    assert.deepEqual({ bytes: got.bytes, sha256: got.sha256 }, { bytes: size, sha256: expected }, got.stderr)
  })

  it('50 MB to the upstream arrive as they were', async () => {
    const port = await unusedPort()
    const server = digestOf(openssl, ['s_server', '-accept', `127.0.0.1:${port}`, '-key', key, '-cert', certificate, '-naccept', '1', '-quiet'], { keepOpen: true })
    await Promise.race([server, until(() => tcpSocket(port, 0)?.state === listening, 's_server to listen')])
    await using relay = await forwardProcess(port)
    await using client = child('/bin/sh', ['-c', `exec "$0" "$@" < ${file}`, openssl, 's_client', '-connect', `127.0.0.1:${relay.port}`, ...trust, '-quiet', '-no_ign_eof', '-nocommands'], { env: plainEnv() })
    assert.deepEqual(await client.exited, { code: 0, signal: null }, client.stderr())
    const got = await server
    assert.deepEqual({ bytes: got.bytes, sha256: got.sha256 }, { bytes: size, sha256: expected }, got.stderr)
  })
})
