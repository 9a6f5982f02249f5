/** One worker of `millrace run FILE --workers`: loads the file in a thread of its own and serves it beside the others. */
import { parentPort, workerData } from 'node:worker_threads'
import { limited } from '../limited.ts'
import { serveBeside } from '../serve.ts'
import type { Server } from '../server.ts'
import { stackOf, whose } from './blame.ts'
import { loadPipelines } from './load-pipelines.ts'
import { readyLines } from './ready-line.ts'
import { failureLine } from './report.ts'
import { tellInTime } from './tell-in-time.ts'
import type { FromWorker, ToWorker, WorkerJob } from './worker-messages.ts'

const say = (said: FromWorker): void => parentPort?.postMessage(said)

async function work({ file, beside, sessionEvents }: WorkerJob): Promise<void> {
  const reports = limited((text) => process.stderr.write(`millrace: run: worker ${beside.place.number}: ${text}\n`))
  const pipelines = await loadPipelines(file)
  const told = tellInTime((batch) => say({ said: 'events', batch }))
  const prepared = await serveBeside(
    pipelines,
    { sessionEvents, onEvents: told.onEvents, onError: (error, session) => reports(() => `${whose(session)}: ${stackOf(error)}`) },
    beside,
  )
  const rows = () => prepared.counters().flat()
  let server: Server | undefined
  const start = async (): Promise<void> => {
    server = await prepared.start()
    void server.closed.then(() => say({ said: 'closed', rows: rows() }))
    say({ said: 'started', rows: rows() })
  }
  parentPort?.on('message', (message: unknown) => {
    if (!isQuestion(message)) return
    switch (message.ask) {
      case 'start':
        return void start().catch(failed)
      case 'took':
        return told.took(message.events)
      case 'steer':
        return orFail(() => prepared.steer(message.cpus))
      case 'read':
        return say({ said: 'rows', rows: rows() })
      case 'close':
        return void server?.close({ drainMs: message.drainMs })
    }
  })
  const { addresses } = prepared
  say({ said: 'bound', addresses, ready: readyLines(addresses, pipelines), pipelines: pipelines.map(({ kind }) => ({ kind })) })
}

function orFail(act: () => void): void {
  try {
    act()
  } catch (error) {
    failed(error)
  }
}

function failed(error: unknown): void {
  say({ said: 'failed', line: failureLine(error) })
}

const isJob = (value: unknown): value is WorkerJob => typeof value === 'object' && value !== null && 'file' in value && 'beside' in value
const isQuestion = (value: unknown): value is ToWorker => typeof value === 'object' && value !== null && 'ask' in value

if (isJob(workerData)) await work(workerData).catch(failed)
