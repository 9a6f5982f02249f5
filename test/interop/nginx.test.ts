/** nginx behind `millrace forward`: a gigabyte fetched by curl arrives as it is, and wrk sees no error under load. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { child, plainEnv, run } from '../support/child.ts'
import { forwardProcess, type ForwardProcess } from '../support/forward-process.ts'
import { digestOf, program, randomFile, temporaryFolder } from '../support/programs.ts'
import { unusedPort } from '../support/unused-ports.ts'

const gigabyte = 1 << 30

describe('nginx behind forward', () => {
  const folder = temporaryFolder()
  let nginx: ReturnType<typeof child>
  let relay: ForwardProcess
  let overUnix: ForwardProcess
  let sha256 = ''

  before(async () => {
    const binary = program('nginx', 'nginx-light')
    sha256 = await randomFile(join(folder.path, 'large.bin'), gigabyte)
    await randomFile(join(folder.path, 'medium.bin'), 8 << 20)
    writeFileSync(join(folder.path, 'small.txt'), 'x'.repeat(512))
    const port = await unusedPort()
    const socket = join(folder.path, 'nginx.sock')
    writeFileSync(join(folder.path, 'nginx.conf'), configuration(folder.path, port, socket))
    nginx = child(binary, ['-p', folder.path, '-c', join(folder.path, 'nginx.conf'), '-e', 'stderr'], { env: plainEnv() })
    await nginx.line(/start worker process \d+/)
    relay = await forwardProcess(port)
    overUnix = await forwardProcess(`unix://${socket}`)
  })

  after(async () => {
    await relay[Symbol.asyncDispose]()
    await overUnix[Symbol.asyncDispose]()
    nginx.kill('SIGTERM')
    await nginx.exited
    folder[Symbol.dispose]()
  })

  it('a 1 GB file fetched by curl has the same SHA-256', async () => {
    const got = await digestOf(program('curl', 'curl'), ['-sS', '--fail', '--max-time', '120', `http://127.0.0.1:${relay.port}/large.bin`])
    assert.deepEqual({ bytes: got.bytes, sha256: got.sha256 }, { bytes: gigabyte, sha256 })
  })

  it('so has a 1 GB file from a Unix socket', async () => {
    const got = await digestOf(program('curl', 'curl'), ['-sS', '--fail', '--max-time', '120', `http://127.0.0.1:${overUnix.port}/large.bin`])
    assert.deepEqual({ bytes: got.bytes, sha256: got.sha256 }, { bytes: gigabyte, sha256 })
  })

  it('wrk sees no socket error and no wrong answer on kept connections', async () => {
    await load([], '/small.txt')
  })

  it('wrk sees no socket error and no wrong answer with a connection for each request', async () => {
    await load(['-H', 'Connection: close'], '/small.txt')
  })

  it('wrk sees no socket error with many large answers at once', async () => {
    await load(['-c16'], '/medium.bin')
  })

  async function load(flags: readonly string[], path: string): Promise<void> {
    const { stdout } = await run(program('wrk', 'wrk'), ['-t2', '-c64', '-d5s', '--timeout', '10s', ...flags, `http://127.0.0.1:${relay.port}${path}`])
    console.log(stdout.split('\n').filter((text) => /Requests\/sec|Transfer\/sec|requests in/.test(text)).map((text) => `      ${text.trim()}`).join('\n'))
    assert.doesNotMatch(stdout, /Socket errors|Non-2xx/)
    assert.ok(Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]) > 0, stdout)
  }
})

function configuration(folder: string, port: number, socket: string): string {
  return `
    daemon off;
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    pid ${folder}/nginx.pid;
    error_log stderr notice;
    worker_processes 1;
    events { worker_connections 1024; }
    http {
      access_log off;
      client_body_temp_path ${folder}/body;
      proxy_temp_path ${folder}/proxy;
      fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi;
      scgi_temp_path ${folder}/scgi;
      keepalive_requests 1000000;
      sendfile on;
      server { listen 127.0.0.1:${port}; listen unix:${socket}; root ${folder}; }
    }
  `
}
