/** `exit-child.ts CASE`: a process with relays and live sessions that ends in one way or another; see test/handler/exit.test.ts. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Worker } from 'node:worker_threads'
import { decide, echo, forward, inspect, listen, pipe, serve, stream, tcp, transform, type Pipeline, type ServeOptions, type Server } from '../../lib/index.ts'

const source = listen(tcp('127.0.0.1:0'))
const away = (): never => process.exit(3)
const later = (): void => void setTimeout(() => { throw new Error('from a timer') })
const soon = (): void => { queueMicrotask(() => { throw new Error('from a microtask') }) }
const nobody = (): void => void Promise.reject(new Error('that nobody handles'))
const echoing = (act: () => void): Pipeline<'stream'> => pipe(source, stream({ data: (session, chunk) => { act(); session.write(chunk) } }))

async function opened(pipelines: Pipeline<'stream'> | readonly Pipeline<'stream'>[], options: ServeOptions = {}): Promise<Server> {
  const server = await serve(pipelines, { debug: true, ...options })
  console.log('serving')
  return server
}

/** Sessions that write for ever, once something has come back on each. */
async function busy(server: Server, count = 20): Promise<readonly Socket[]> {
  const sockets = Array.from({ length: count }, (_, i) => {
    const socket = connect(server.addresses[i % server.addresses.length]?.port ?? 0, '127.0.0.1', () => socket.write(Buffer.alloc(100_000)))
    return socket.on('data', (chunk) => void socket.write(chunk)).on('error', () => undefined)
  })
  await Promise.all(sockets.map((socket) => once(socket, 'data')))
  return sockets
}

/** One session that works: what it sends comes back. */
async function works(server: Server): Promise<void> {
  const socket = connect(server.addresses[0]?.port ?? 0, '127.0.0.1', () => socket.end('hello'))
  let got = ''
  for await (const chunk of socket) got += String(chunk)
  if (got !== 'hello') throw new Error(`got "${got}"`)
}

/** The process goes on after what is thrown in vain, and so do the sessions. */
async function survives(act: () => void): Promise<void> {
  const caught: string[] = []
  process.on('uncaughtException', (error) => void caught.push(error.message))
  process.on('unhandledRejection', (error) => void caught.push(String(error)))
  const server = await opened(echoing(act))
  await works(server)
  await works(server)
  while (caught.length < 2) await new Promise((resume) => setTimeout(resume))
  await server.close()
  console.log(`caught ${[...new Set(caught)].join()}`)
}

const dead = async (act: () => void): Promise<void> => works(await opened(echoing(act)))

const cases: Readonly<Record<string, () => Promise<unknown>>> = {
  'exit, own thread': async () => { await busy(await opened([pipe(source, echo()), pipe(source, forward(tcp((await serve(pipe(source, echo()))).addresses[0]?.text ?? '')))], { onEvents: () => undefined })); away() },
  'exit, embedded': async () => { await busy(await opened([echoing(() => undefined), pipe(source, transform({ toUpstream: (chunk) => chunk }), echo())])); away() },
  'exit in inspect': async () => works(await opened(pipe(source, inspect(away), echo()))),
  'exit in decide': async () => works(await opened(pipe(source, decide(away), echo()))),
  'exit in transform': async () => works(await opened(pipe(source, transform({ toDownstream: away }), echo()))),
  'exit in open': async () => works(await opened(pipe(source, stream({ open: away, data: () => undefined })))),
  'exit in data': () => dead(away),
  'exit in close': async () => works(await opened(pipe(source, stream({ data: (session, chunk) => void session.write(chunk), close: away })))),
  'exit in onEvents, own thread': async () => works(await opened(pipe(source, echo()), { onEvents: away })),
  'exit in onEvents, embedded': async () => works(await opened(pipe(source, echo()), { onEvents: away, thread: 'embedded' })),
  'exit while closing': async () => { const server = await opened([echoing(() => undefined), pipe(source, echo())]); await busy(server); void server.close({ drainMs: 1_000 }); setImmediate(away) },
  'caught timer': () => survives(later),
  'caught microtask': () => survives(soon),
  'caught rejection': () => survives(nobody),
  'fatal timer': () => dead(later),
  'fatal microtask': () => dead(soon),
  'fatal rejection': () => dead(nobody),
  'ends: own thread': async () => { const server = await opened(pipe(source, echo()), { onEvents: () => undefined }); await works(server); await server.close() },
  'ends: embedded': async () => { const server = await opened(echoing(() => undefined)); await works(server); await server.close() },
  'ends: both, without a session': async () => { const server = await opened([pipe(source, echo()), echoing(() => undefined)]); await server.close() },
  'ends: sessions reset': async () => { const server = await opened([pipe(source, echo()), echoing(() => undefined)]); await busy(server); await server.close({ drainMs: 0 }) },
  'ends: closed at once, not awaited': async () => { const server = await opened([pipe(source, echo()), echoing(() => undefined)]); void server.close() },
  'ends: names and a pending decision': async () => {
    const server = await opened([pipe(source, forward(tcp('localhost:1'))), pipe(source, decide(() => new Promise(() => undefined)), echo())])
    const socket = connect(server.addresses[1]?.port ?? 0, '127.0.0.1').on('error', () => undefined)
    while (server.ledger().sessions.open === 0) await new Promise((resume) => setImmediate(resume))
    await server.close({ drainMs: 0 })
    socket.destroy()
  },
  'ends: refused': async () => {
    const server = await opened(pipe(source, echo()))
    const again = serve([pipe(source, echo()), echoing(() => undefined), pipe(listen(tcp(server.addresses[0]?.text ?? ':0')), echo())])
    console.log(await again.then(() => 'served twice', (error: unknown) => String(error)))
    await server.close()
  },
  'two threads': async () => {
    const server = await opened([pipe(source, echo()), echoing(() => undefined)])
    const workers = [true, false].map((own) => new Worker(new URL('serving-worker.mjs', import.meta.url), { execArgv: [], workerData: { own } }))
    const serving = workers.map((worker) => new Promise<unknown>((resume) => worker.once('message', resume)))
    for (const ports of await Promise.all(serving)) {
      const port = Array.isArray(ports) ? Number(ports[0]) : 0
      const socket = connect(port, '127.0.0.1', () => socket.write('hello')).on('error', () => undefined)
      await once(socket, 'data')
    }
    await busy(server)
    for (const worker of workers) await worker.terminate()
    await works(server)
    await server.close({ drainMs: 0 })
    console.log('one thread is left')
  },
}

const chosen = cases[process.argv[2] ?? '']
if (chosen === undefined) throw new Error(`usage: exit-child.ts ${Object.keys(cases).join(' | ')}`)
await chosen()
