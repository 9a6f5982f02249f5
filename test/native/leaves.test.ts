import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, run, succeed } from '../support/compile.ts'

const root = join(import.meta.dirname, '../..')
const all = (folder: string, ending: string): string[] => readdirSync(join(root, folder)).filter((name) => name.endsWith(ending)).map((name) => `${folder}/${name}`)

const sources = [
  ...['address', 'call_batch', 'cidr', 'timer_wheel'].map((name) => `addon/core/${name}.cc`),
  'addon/relay/upstream_set.cc',
  'addon/relay/datagram/coalescing.cc',
  ...all('addon/stage', '.cc'),
  'test/native/leaves_test.cc',
  ...all('test/native/leaves', '_test.cc'),
]

const sanitize = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all']

/** What `openssl s_client` with these options sends first: everything up to the end of the ClientHello's last record. */
async function captureHello(options: readonly string[]): Promise<Buffer> {
  const server = createServer()
  const hello = new Promise<Buffer>((resolve, reject) => {
    server.on('connection', (socket: Socket) => {
      let head = Buffer.alloc(0)
      socket.on('error', reject)
      socket.on('data', (data) => {
        head = Buffer.concat([head, data])
        if (!isWholeHello(head)) return
        resolve(head)
        socket.destroy()
      })
      socket.on('end', () => reject(new Error(`openssl ended after ${head.length} bytes`)))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  try {
    // It always fails, for lack of an answer; what matters is what it sent.
    const [bytes] = await Promise.all([hello, run('openssl', ['s_client', '-connect', `127.0.0.1:${address.port}`, ...options])])
    return bytes
  } finally {
    server.close()
  }
}

/** Whether the records hold a whole handshake message. */
function isWholeHello(head: Buffer): boolean {
  const parts: Buffer[] = []
  for (let at = 0; at + 5 <= head.length; at += 5 + head.readUInt16BE(at + 3)) parts.push(head.subarray(at + 5, at + 5 + head.readUInt16BE(at + 3)))
  const message = Buffer.concat(parts)
  return message.length >= 4 && message.length >= 4 + message.readUIntBE(1, 3)
}

describe('native leaves', function () {
  this.timeout(300_000)
  let folder = ''
  let program = ''

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-leaves-'))
    program = join(folder, 'leaves_test')
    await compile(folder, program, sources, sanitize)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('keep their promises under ASan and UBSan, with hellos captured from openssl', async () => {
    const captures: { name: string; options: string[] }[] = [
      { name: 'www.captured.example', options: ['-servername', 'www.Captured.Example'] },
      { name: 'old.example', options: ['-servername', 'old.example', '-tls1_2'] },
      { name: 'alpn.example', options: ['-servername', 'alpn.example', '-alpn', 'h2,http/1.1', '-status'] },
      { name: '-', options: ['-noservername'] },
    ]
    const args: string[] = []
    for (const [i, { name, options }] of captures.entries()) {
      const file = join(folder, `hello-${i}`)
      await writeFile(file, await captureHello(options))
      args.push(file, name)
    }

    const seed = process.env['LEAVES_SEED'] ?? String(Date.now())
    const output = await succeed(program, [seed, ...args])
    assert.match(output, /\n\d+ passed, 0 failed\n$/)
    assert.match(output, /\n4 captured hellos\n/)
  })

  it('fail loudly: a hello that is not what it is said to be fails the program', async () => {
    const file = join(folder, 'not-a-hello')
    await writeFile(file, 'GET / HTTP/1.1\r\n\r\n')
    const { code, output } = await run(program, ['1', file, 'a.example'])
    assert.equal(code, 1, output)
    assert.match(output, /\d+ passed, [1-9]\d* failed\n$/)
  })
})
