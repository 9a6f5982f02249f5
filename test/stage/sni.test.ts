/** `route` by SNI, with openssl at both ends; nothing is decrypted on the way, so what each side sees is the other side's. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { close, forward, listen as from, otherwise, pipe, route, sni, tcp, when, type Pipeline } from '../../lib/index.ts'
import { installed } from '../support/installed.ts'
import { connect, listen } from '../support/peers.ts'
import { clientHello, inRecordsOf } from '../support/client-hello.ts'
import { threads, withRelay } from '../support/relay.ts'
import { within } from '../support/until.ts'

const routeTo = (a: string, b: string): Pipeline<'stream'> => pipe(
  from(tcp('127.0.0.1:0')),
  route(when(sni('a.example'), forward(tcp(a))), when(sni('*.b.example'), forward(tcp(b))), otherwise(close())),
)

for (const thread of threads) {
  describe(`route by SNI, ${thread} thread`, () => {
    describe('with openssl s_client and s_server', () => {
      const servers: ChildProcess[] = []
      let folder = ''
      before(() => { folder = mkdtempSync(join(tmpdir(), 'millrace-sni-')) })
      after(() => { rmSync(folder, { recursive: true }) })
      afterEach(() => { for (const server of servers.splice(0)) server.kill() })

      it('each name reaches its own server, and the TLS session is with that server', async () => {
        if (!installed('openssl')) return
        const a = await openssl(folder, 'a.example', servers)
        const b = await openssl(folder, 'x.b.example', servers)
        await withRelay(routeTo(a, b), { thread }, async (relay) => {
          for (const [name, subject] of [['a.example', 'a.example'], ['x.b.example', 'x.b.example'], ['A.EXAMPLE', 'a.example']] as const) {
            const said = await client(relay.address, ['-servername', name], 'desserts\n')
            assert.match(said, new RegExp(`subject=CN ?= ?${subject}\n`), name)
            assert.match(said, /^stressed$/m, 'the server turned the line round')
          }
          for (const args of [['-servername', 'c.example'], ['-servername', 'b.example'], ['-noservername']]) {
            assert.doesNotMatch(await client(relay.address, args, 'desserts\n'), /subject=|stressed/)
          }
          const reasons = (await relay.closes(6)).map(({ reason }) => reason)
          assert.deepEqual(reasons.filter((reason) => reason === 'closedByPlan').length, 3, String(reasons))
        })
      })
    })

    it('a ClientHello is understood wherever its segments are split, and arrives as it was sent', async () => {
      const hello = clientHello('a.example')
      const [a, b] = [await listen(), await listen()]
      await withRelay(routeTo(a.address, b.address), { thread }, async (relay) => {
        for (let split = 1; split < hello.length; split++) {
          const downstream = await connect(relay.address)
          await downstream.send(hello.subarray(0, split))
          await downstream.end(hello.subarray(split))
          const upstream = await a.accept()
          assert.deepEqual(await upstream.read(hello.length), hello, `split at ${split}`)
          await upstream.end()
          await downstream.readAll()
        }
        assert.equal(b.count(), 0)
      })
    })

    it('a ClientHello is understood in TLS records of any size', async () => {
      const hello = clientHello('deep.b.example')
      const [a, b] = [await listen(), await listen()]
      await withRelay(routeTo(a.address, b.address), { thread }, async (relay) => {
        for (const size of [1, 2, 3, 4, 5, 16, 64, hello.length - 6]) {
          const records = inRecordsOf(size, hello)
          const downstream = await connect(relay.address)
          await downstream.end(records)
          const upstream = await b.accept()
          assert.deepEqual(await upstream.read(records.length), records, `records of ${size}`)
          await upstream.end()
          await downstream.readAll()
        }
      })
    })

    it('a ClientHello of 8 KiB, as one with large key shares is, finds its way', async () => {
      const [a, b] = [await listen(), await listen()]
      await withRelay(routeTo(a.address, b.address), { thread }, async (relay) => {
        const hello = clientHello('a.example', 8_000)
        const downstream = await connect(relay.address)
        for (let at = 0; at < hello.length; at += 1000) await downstream.send(hello.subarray(at, at + 1000))
        assert.deepEqual(await (await a.accept()).read(hello.length), hello)
      })
    })

    it('what is not a ClientHello, or names what is not a DNS name, goes the other way', async () => {
      const [a, b] = [await listen(), await listen()]
      await withRelay(routeTo(a.address, b.address), { thread }, async (relay) => {
        const odd = [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(600, 0xff), Buffer.alloc(600), clientHello('a.example\0.b.example'), clientHello(''), clientHello(`${'x'.repeat(300)}.b.example`), clientHello('.b.example')]
        for (const bytes of odd) {
          const downstream = await connect(relay.address)
          await downstream.send(bytes).catch(() => undefined)
          assert.equal((await downstream.readAll()).bytes, 0)
          await downstream.end().catch(() => undefined)
        }
        for (const { reason } of await relay.closes(odd.length)) assert.equal(reason, 'closedByPlan')
        assert.equal(a.count() + b.count(), 0)
      })
    })
  })
}

/** A TLS server that sends every line back reversed; resolves to its address once it listens. */
async function openssl(folder: string, name: string, servers: ChildProcess[]): Promise<string> {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-subj', `/CN=${name}`, '-days', '1'], { stdio: 'ignore' })
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-key', key, '-cert', cert, '-rev'], { stdio: ['ignore', 'pipe', 'ignore'] })
  servers.push(server)
  return within(new Promise((resume) => {
    createInterface(server.stdout).on('line', (line) => {
      const listening = /^ACCEPT (127\.0\.0\.1:\d+)/.exec(line)
      if (listening) resume(listening[1] ?? '')
    })
  }), 'openssl s_server to listen')
}

/** Everything `openssl s_client` prints from the connection to the end; stdin ends once the answer is there. */
async function client(address: string, args: readonly string[], line: string): Promise<string> {
  const child = spawn('openssl', ['s_client', '-connect', address, ...args], { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.on('error', () => undefined) // it may be gone before it has read its input
  const exited = new Promise<void>((resume) => child.once('close', () => { resume() }))
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
    if (said.includes('stressed')) child.stdin.end('Q\n')
  })
  child.stdin.write(line)
  try {
    await within(exited, () => `openssl s_client to end:\n${said}`)
    return said
  } finally {
    child.kill()
  }
}
