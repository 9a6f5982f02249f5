/**
 * `via-reset-case.ts HOST`: an HTTP proxy at HOST accepts and resets before the relay, which goes through it for its client, looks at the connection again. Prints the first line that
 * the client got, how its stream ended, and why the session did.
 */
import { spawn } from 'node:child_process'
import { Worker } from 'node:worker_threads'
import { decide, httpConnect, httpProxy, listen, pass, pipe, tcp } from '../../lib/index.ts'
import { withRelay } from './relay.ts'

const [, , host = ''] = process.argv
const proxy = `
  const { parentPort, workerData: { done, host } } = require('node:worker_threads')
  const server = require('node:net').createServer((socket) => {
    socket.resetAndDestroy()
    socket.on('close', () => { Atomics.store(done, 0, 1); Atomics.notify(done, 0) })
  })
  server.listen(0, host, () => parentPort.postMessage(server.address().port))`
const client = `
import socket, sys
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
peer.sendall(b"CONNECT a.example:443 HTTP/1.1\\r\\n\\r\\n")
got, ending = b"", "fin"
try:
  while part := peer.recv(4096): got += part
except OSError as error: ending = error.strerror
print(got.decode().split("\\r\\n")[0] + ", " + ending, end="")
`

const done = new Int32Array(new SharedArrayBuffer(8))
const worker = new Worker(proxy, { eval: true, workerData: { done, host } })
const port = await new Promise<unknown>((resume) => worker.once('message', resume))
// The relay dials in this turn, and looks again when the proxy is done with it.
const dials = decide({ minBytes: 1 }, () => {
  setImmediate(() => { Atomics.wait(done, 0, 0, 5_000) })
  return pass()
})
await withRelay(pipe(listen(tcp('127.0.0.1:0')), dials, httpConnect({ ports: ['1-65535'], via: httpProxy(`${host}:${Number(port)}`) })), {}, async (relay) => {
  const child = spawn('python3', ['-c', client, ...relay.address.split(':')], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = Buffer.concat(await child.stdout.toArray()).toString()
  console.log(JSON.stringify({ said, reason: (await relay.close()).reason }))
})
await worker.terminate()
