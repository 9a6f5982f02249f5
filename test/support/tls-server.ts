/** A TLS server that greets and ends, with a certificate made for the occasion by openssl. */
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { run } from './child.ts'

export type TlsServer = AsyncDisposable & { readonly address: string }

export async function tlsServer(greeting: string): Promise<TlsServer> {
  const server = createServer(await certificate(), (socket) => {
    socket.on('error', () => undefined).end(greeting)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address()
  return {
    address: typeof bound === 'object' && bound !== null ? `${bound.address}:${bound.port}` : '',
    async [Symbol.asyncDispose]() {
      await new Promise((done) => server.close(done))
    },
  }
}

async function certificate(): Promise<{ readonly key: Buffer; readonly cert: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=example', '-keyout', key, '-out', cert])
  try {
    return { key: await readFile(key), cert: await readFile(cert) }
  } finally {
    await rm(folder, { recursive: true })
  }
}
