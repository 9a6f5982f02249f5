/**
 * `millrace run FILE --workers N`: the file is loaded in N worker threads, each of which serves its pipelines at the same addresses, as if
 * they were one server. All are bound before the first serves. A worker that dies ends them all: what it served is lost, and what it has told
 * its clients to expect is no longer there.
 */
import { Worker } from 'node:worker_threads'
import { ledgerOf } from '../ledger.ts'
import type { CounterRow } from '../ledger.ts'
import type { ServeOptions } from '../serve.ts'
import { checkShards } from '../shards.ts'
import type { ShardOptions } from '../shards.ts'
import { stackOf } from './blame.ts'
import type { Running, Start } from './running.ts'
import { failure, fromOption } from './usage.ts'
import type { Bound, FromWorker, ToWorker, WorkerJob } from './worker-messages.ts'

/** How long a worker that is busy may keep the others from being shown. */
const readMs = 500

type Member = {
  readonly bound: Bound
  readonly rows: () => readonly CounterRow[]
  readonly tell: (message: ToWorker) => void
  /** Rejects where it could not start. */
  start(): Promise<void>
  read(): Promise<void>
  /** Resolves when it serves no more; to why, where nobody has asked for it. */
  readonly closed: Promise<string | undefined>
  terminate(): Promise<unknown>
}

/** Rejects where one of them cannot be set up, and then leaves nothing behind. */
export function startWorkers(file: string, workers: number, options: Omit<ShardOptions, 'shards'>): Start {
  return async ({ onEvents, sessionEvents = true }: ServeOptions) => {
    const { shards, steer } = fromOption('--workers', () => checkShards({ ...options, shards: workers }))
    const members: Member[] = []
    try {
      // One after the other: the kernel knows them by the order in which they were bound.
      for (const { number, cpu, sharing } of shards) {
        const job: WorkerJob = { file, number, sessionEvents, beside: { sharing, steer, cpu, bound: members[0]?.bound.addresses } }
        members.push(await bindWorker(job, (batch) => onEvents?.(batch.map((event) => ('session' in event ? { ...event, session: event.session * workers + number } : event)))))
      }
      if (steer === 'cpu') members.at(-1)?.tell({ ask: 'steer', cpus: shards.map(({ cpu, number }) => cpu ?? number) })
      await Promise.all(members.map((member) => member.start()))
    } catch (error) {
      await Promise.all(members.map((member) => member.terminate()))
      throw error
    }
    const [first] = members
    return { server: together(members), pipelines: first?.bound.pipelines ?? [], ready: first?.bound.ready ?? [] }
  }
}

function together(members: readonly Member[]): Running {
  let failed: string | undefined
  let drainMs = 0
  const tellAll = (message: ToWorker): void => members.forEach((member) => member.tell(message))
  const closed = Promise.all(
    members.map(async (member, number) => {
      const why = await member.closed
      if (why === undefined) return
      failed ??= `worker ${number} ${why}`
      tellAll({ ask: 'close', drainMs })
    }),
  ).then(() => undefined)
  return {
    addresses: members[0]?.bound.addresses ?? [],
    ledger: () => ledgerOf(members.map(({ rows }) => rows())),
    load: () => undefined,
    async close(options = {}) {
      drainMs = options.drainMs ?? 30_000
      tellAll({ ask: 'close', drainMs })
      return closed
    },
    closed,
    async refresh() {
      await Promise.race([Promise.all(members.map((member) => member.read())), new Promise((resume) => setTimeout(resume, readMs).unref())])
    },
    shardName: 'worker',
    failure: () => failed,
  }
}

/** Resolves when its listeners are there. */
async function bindWorker(job: WorkerJob, onEvents: NonNullable<ServeOptions['onEvents']>): Promise<Member> {
  const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: job })
  let rows: readonly CounterRow[] = []
  let over = false
  const waiting = { bound: settler<Bound>(), started: settler<undefined>(), closed: settler<string | undefined>() }
  let reads: (() => void)[] = []
  const fail = (why: string): void => {
    waiting.bound.reject(failure(why))
    waiting.started.reject(failure(why))
    waiting.closed.resolve(why)
    reads.forEach((resume) => resume())
  }
  const tell = (message: ToWorker): void => worker.postMessage(message)
  worker.on('message', (message: unknown) => {
    if (!isSaid(message)) return
    switch (message.said) {
      case 'bound':
        return waiting.bound.resolve(message)
      case 'started':
        rows = message.rows
        return waiting.started.resolve(undefined)
      case 'events':
        return onEvents(message.batch)
      case 'rows':
        rows = message.rows
        reads.forEach((resume) => resume())
        reads = []
        return
      case 'closed':
        rows = message.rows
        over = true
        return void worker.terminate() // whatever the file has left open
      case 'failed':
        fail(message.line)
        return void worker.terminate()
    }
  })
  worker.on('error', (error) => fail(`died: ${stackOf(error)}`))
  worker.on('exit', (code) => {
    if (!over) fail(`has exited with code ${code}`)
    waiting.closed.resolve(undefined)
  })
  for (const { promise } of [waiting.started, waiting.closed]) promise.catch(() => undefined)
  return {
    bound: await waiting.bound.promise,
    rows: () => rows,
    tell,
    async start() {
      tell({ ask: 'start' })
      await waiting.started.promise
    },
    async read() {
      if (over) return
      tell({ ask: 'read' })
      await new Promise<void>((resume) => reads.push(resume))
    },
    closed: waiting.closed.promise,
    terminate: () => worker.terminate(),
  }
}

type Settler<T> = { readonly promise: Promise<T>; readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void }

function settler<T>(): Settler<T> {
  let [resolve, reject]: [Settler<T>['resolve'], Settler<T>['reject']] = [() => undefined, () => undefined]
  const promise = new Promise<T>((fulfil, refuse) => {
    resolve = fulfil
    reject = refuse
  })
  return { promise, resolve, reject }
}

const isSaid = (value: unknown): value is FromWorker => typeof value === 'object' && value !== null && 'said' in value
