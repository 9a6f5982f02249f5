/**
 * `millrace run FILE --workers N`: the file is loaded in N worker threads, each of which serves its pipelines at the same addresses, as if
 * they were one server. All are bound before the first serves. A worker that dies ends them all: what it served is lost, and what it has told
 * its clients to expect is no longer there.
 */
import { Worker } from 'node:worker_threads'
import { ledgerOf } from '../ledger.ts'
import type { CounterRow } from '../ledger.ts'
import { maxMs } from '../options.ts'
import type { Beside } from '../prepare.ts'
import type { ServeOptions } from '../serve.ts'
import { settler } from '../settler.ts'
import type { Settler } from '../settler.ts'
import { checkShards, shardsText } from '../shards.ts'
import type { ShardOptions } from '../shards.ts'
import { stackOf } from './blame.ts'
import type { Running, Start } from './running.ts'
import { failure, fromOption } from './usage.ts'
import type { Bound, FromWorker, ToWorker, WorkerJob } from './worker-messages.ts'

/** How long a worker that is busy may keep the others from being shown. */
const readMs = 500
/** And from ending, beyond the time to drain. */
const endMs = 2_000

type Member = {
  /** Resolves when the file is loaded. */
  readonly loaded: Promise<unknown>
  /** Resolves when its listeners are there. */
  bind(beside: Beside): Promise<Bound>
  readonly rows: () => readonly CounterRow[]
  readonly tell: (message: ToWorker) => void
  /** Rejects where it could not start. */
  start(): Promise<void>
  read(): Promise<void>
  /** Resolves when it serves no more; to why, where nobody has asked for it. */
  readonly closed: Promise<string | undefined>
  terminate(why: string): void
}

/** Rejects where one of them cannot be set up, and then leaves nothing behind. A worker that dies gives the others `drainMs`. */
export function startWorkers(file: string, workers: number, options: Omit<ShardOptions, 'shards'>, drainMs: number): Start {
  return async ({ onEvents = () => undefined, sessionEvents = true }: ServeOptions) => {
    const { shards, steer } = fromOption('--workers', () => checkShards({ ...options, shards: workers }))
    const draining = new Int32Array(new SharedArrayBuffer(4))
    const members = shards.map(({ number }) => startWorker({ file, number, sessionEvents }, onEvents))
    let first: Bound | undefined
    try {
      await Promise.all(members.map(({ loaded }) => loaded)) // may take its time; between the first that is bound and the last nothing is served
      for (const [number, member] of members.entries()) {
        // One after the other: the kernel knows them by the order in which they were bound.
        const { cpu, sharing = 'none' } = shards[number] ?? { cpu: undefined }
        const bound = await member.bind({ place: { number, of: workers }, draining, sharing, steer, cpu, bound: first?.addresses })
        first ??= bound
        if (shapeOf(bound) !== shapeOf(first)) throw failure(`worker ${number} has other pipelines than worker 0: the file has to export the same in every thread`)
      }
      if (steer === 'cpu') members.at(-1)?.tell({ ask: 'steer', cpus: shards.map(({ cpu, number }) => cpu ?? number) })
      await Promise.all(members.map((member) => member.start()))
    } catch (error) {
      members.forEach((member) => member.terminate('is not needed'))
      await Promise.all(members.map(({ closed }) => closed))
      throw error
    }
    const { addresses = [], pipelines = [], ready = [] } = first ?? {}
    return { server: together(members, addresses, drainMs), pipelines, ready, loops: shardsText({ shards, steer, asked: true, reusePort: false }).replace('shard', 'worker') }
  }
}

/** What has to be the same in all. */
const shapeOf = ({ pipelines, addresses }: Bound): string => JSON.stringify([pipelines, addresses.map(({ pipeline, text, net }) => [pipeline, text, net])])

function together(members: readonly Member[], addresses: Bound['addresses'], drainMs: number): Running {
  let failed: string | undefined
  let timer: NodeJS.Timeout | undefined
  const close = (withinMs: number): void => {
    members.forEach((member) => member.tell({ ask: 'close', drainMs: withinMs }))
    // A handler that does not return does not hear of it.
    clearTimeout(timer)
    timer = setTimeout(() => members.forEach((member) => member.terminate(`did not end, ${endMs / 1000} s after its time was over`)), Math.min(withinMs + endMs, maxMs))
  }
  const closed = Promise.all(
    members.map(async (member) => {
      const why = await member.closed
      if (why === undefined) return
      if (failed === undefined) close(drainMs)
      failed ??= why
    }),
  ).then(() => clearTimeout(timer))
  return {
    addresses,
    ledger: () => ledgerOf(members.map(({ rows }) => rows())),
    load: () => undefined,
    async close(options = {}) {
      close(options.drainMs ?? drainMs)
      return closed
    },
    closed,
    async refresh() {
      await Promise.race([Promise.all(members.map((member) => member.read())), new Promise((resume) => setTimeout(resume, readMs))])
    },
    shardName: 'worker',
    failure: () => failed,
  }
}

function startWorker(job: WorkerJob, onEvents: NonNullable<ServeOptions['onEvents']>): Member {
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: job })
  const name = `worker ${job.number}`
  let rows: readonly CounterRow[] = []
  let over = false
  const [loaded, bound, started, closed] = [settler<undefined>(), settler<Bound>(), settler<undefined>(), settler<string | undefined>()]
  let reading: Settler<undefined> | undefined
  const end = (why: string | undefined): void => {
    over = true
    for (const { reject } of [loaded, bound, started]) reject(failure(why ?? `${name} has ended`))
    reading?.resolve(undefined)
    closed.resolve(why)
  }
  const terminate = (why: string | undefined): void => {
    if (over) return
    over = true // what it says from now on does not matter
    void worker.terminate().then(() => end(why))
  }
  const tell = (message: ToWorker): void => worker.postMessage(message)
  worker.on('message', (message: unknown) => {
    if (!isSaid(message) || over) return
    switch (message.said) {
      case 'loaded':
        return loaded.resolve(undefined)
      case 'bound':
        return bound.resolve(message)
      case 'started':
        rows = message.rows
        return started.resolve(undefined)
      case 'events':
        onEvents(message.batch)
        return tell({ ask: 'took', events: message.batch.length })
      case 'rows':
        rows = message.rows
        return reading?.resolve(undefined)
      case 'closed':
        rows = message.rows
        return terminate(undefined) // whatever the file has left open
      case 'failed':
        return terminate(message.line)
    }
  })
  worker.on('error', (error) => end(`${name} died: ${stackOf(error)}`))
  worker.on('exit', (code) => {
    if (!over) end(`${name} has exited with code ${code}`)
  })
  for (const { promise } of [loaded, bound, started]) promise.catch(() => undefined)
  return {
    loaded: loaded.promise,
    async bind(beside) {
      tell({ ask: 'bind', beside })
      return bound.promise
    },
    rows: () => rows,
    tell,
    async start() {
      tell({ ask: 'start' })
      await started.promise
    },
    async read() {
      if (over) return
      if (reading === undefined) {
        reading = settler()
        tell({ ask: 'read' })
        void reading.promise.then(() => (reading = undefined))
      }
      await reading.promise
    },
    closed: closed.promise,
    terminate: (why) => terminate(`${name} ${why}`),
  }
}

const isSaid = (value: unknown): value is FromWorker => typeof value === 'object' && value !== null && 'said' in value
