// `exit-main.mjs CASE THREAD`: a process with ten live sessions that comes to its end in one of these ways. Runs the built library.
import { connect } from 'node:net'
import { once } from 'node:events'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'
import { echo, inspect, listen, pass, pipe, serve, stream, tcp, transform, forward } from '../../dist/index.js'

const [wanted, how] = isMainThread ? process.argv.slice(2) : workerData
const source = listen(tcp('127.0.0.1:0'))
const echoInJs = stream({ data: (session, chunk) => void session.write(chunk) })
/** Called in the handler of a session's first bytes, once `armed`. */
let inHandler = () => undefined
const chains = {
  own: [echo()],
  embedded: [echo()],
  inspect: [inspect(() => { inHandler(); return pass() }), echo()],
  transform: [transform({ toUpstream: (chunk) => { inHandler(); return chunk } }), echo()],
  stream: [stream({ data: (session, chunk) => { inHandler(); session.write(chunk) } })],
}

const begin = (options = {}) => serve(pipe(source, ...chains[how]), { thread: how === 'own' || how === 'embedded' ? how : 'auto', ...options })
const portOf = (server) => server.addresses[0].port

async function client(port) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('hello')
  await once(socket, 'data')
  return socket
}
const live = async (server, count = 10) => Promise.all(Array.from({ length: count }, () => client(portOf(server))))
const chatter = (sockets) => sockets.forEach((socket) => { socket.on('data', (bytes) => socket.write(bytes)); socket.write('on and on') })

const cases = {
  async 'process.exit with live sessions'() {
    chatter(await live(await begin({ onEvents: () => undefined })))
    setImmediate(() => process.exit(7))
  },
  async 'process.exit in a handler'() {
    const server = await begin()
    await live(server)
    inHandler = () => process.exit(7)
    for (const socket of await Promise.race([live(server), new Promise(() => undefined)])) socket.write('again')
  },
  async 'process.exit in onEvents'() {
    const server = await begin({ onEvents: (batch) => { if (batch.some((event) => event.type === 'close')) process.exit(7) } })
    const [first] = await live(server)
    first.destroy()
  },
  async 'process.exit while serve is pending'() {
    void begin()
    process.exit(7)
  },
  async 'process.exit while closing'() {
    const server = await begin()
    chatter(await live(server))
    void server.close({ drainMs: 60_000 })
    setImmediate(() => process.exit(7))
  },
  async 'an exit handler that asks and closes'() {
    const server = await begin()
    chatter(await live(server))
    process.on('exit', () => {
      console.log(`open at exit: ${server.ledger().sessions.open}`)
      void server.sessions()
      void server.close({ drainMs: 0 })
      server.endSession(0)
    })
    setImmediate(() => process.exit(7))
  },
  async 'an exception that nobody catches'() {
    chatter(await live(await begin()))
    setImmediate(() => { throw new Error('thrown by the test') })
  },
  async 'an exception that uncaughtException takes'() {
    const server = await begin()
    const sockets = await live(server)
    process.once('uncaughtException', async () => {
      for (const socket of sockets) { socket.write('still'); await once(socket, 'data'); socket.destroy() }
      await server.close({ drainMs: 10_000 })
      console.log('all answered')
    })
    setImmediate(() => { throw new Error('thrown by the test') })
  },
  async 'closed, with nothing else to do'() {
    const server = await begin({ onEvents: () => undefined })
    const sockets = await live(server)
    for (const socket of sockets) socket.end()
    await server.close({ drainMs: 10_000 })
    console.log('closed')
  },
  async 'closed twice, and asked afterwards'() {
    const server = await begin()
    await live(server)
    await Promise.all([server.close({ drainMs: 0 }), server.close()])
    await server.close()
    server.endSession(1)
    console.log(`after the end: ${JSON.stringify(await server.sessions())} ${server.ledger().balanced}`)
  },
  async 'a server that nobody holds on to'() {
    const port = portOf(await begin())
    for (let i = 0; i < 20; i++) { globalThis.gc(); await new Promise((resolve) => setImmediate(resolve)) }
    const socket = await client(port)
    globalThis.gc()
    socket.write('again')
    await once(socket, 'data')
    console.log('served')
    process.exit(7)
  },
  async 'two threads at once'() {
    const server = await begin()
    const worker = new Worker(new URL(import.meta.url), { workerData: ['in a worker', how] })
    const [port] = await once(worker, 'message')
    const [here, there] = [await live(server), await Promise.all(Array.from({ length: 10 }, () => client(port)))]
    chatter(here)
    const released = Promise.all(there.map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    chatter(there)
    await worker.terminate()
    await released
    for (const socket of here) await once(socket, 'data')
    console.log('the other went on')
    for (const socket of here) socket.destroy()
    await server.close({ drainMs: 10_000 })
  },
  async 'process.exit with two threads'() {
    const server = await begin()
    const worker = new Worker(new URL(import.meta.url), { workerData: ['in a worker', how] })
    const [port] = await once(worker, 'message')
    chatter([...(await live(server)), await client(port)])
    setImmediate(() => process.exit(7))
  },
  async 'in a worker'() {
    const server = await begin()
    parentPort.postMessage(portOf(server))
  },
}

await cases[wanted]()
