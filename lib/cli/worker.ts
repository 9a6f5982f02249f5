/** One worker of `millrace run FILE --workers`: loads the file in a thread of its own and serves it beside the others. */
import { parentPort, workerData } from 'node:worker_threads'
import { limited } from '../limited.ts'
import type { Beside, Prepared } from '../prepare.ts'
import { serveBeside } from '../serve.ts'
import type { Server } from '../server.ts'
import type { Session } from '../session.ts'
import { stackOf, whose } from './blame.ts'
import { loadPipelines } from './load-pipelines.ts'
import { readyLines } from './ready-line.ts'
import { failureLine } from './report.ts'
import { tellInTime } from './tell-in-time.ts'
import type { FromWorker, ToWorker, WorkerJob } from './worker-messages.ts'

const say = (said: FromWorker): void => parentPort?.postMessage(said)

async function work({ file, number, sessionEvents }: WorkerJob): Promise<void> {
  const reports = limited((text) => process.stderr.write(`millrace: run: worker ${number}: ${text}\n`))
  const told = tellInTime((batch) => say({ said: 'events', batch }))
  const options = { sessionEvents, onEvents: told.onEvents, onError: (error: unknown, session: Session | undefined) => reports(() => `${whose(session)}: ${stackOf(error)}`) }
  const pipelines = await loadPipelines(file)
  let prepared: Prepared | undefined
  let server: Server | undefined
  const rows = () => prepared?.counters().flat() ?? []
  const bind = async (beside: Beside): Promise<void> => {
    prepared = await serveBeside(pipelines, options, beside)
    const { addresses } = prepared
    say({ said: 'bound', addresses, ready: readyLines(addresses, pipelines), pipelines: pipelines.map(({ kind }) => ({ kind })) })
  }
  const start = async (): Promise<void> => {
    server = await prepared?.start()
    void server?.closed.then(() => say({ said: 'closed', rows: rows() }))
    say({ said: 'started', rows: rows() })
  }
  parentPort?.on('message', (message: unknown) => {
    if (!isQuestion(message)) return
    switch (message.ask) {
      case 'bind':
        return void bind(message.beside).catch(failed)
      case 'steer':
        return orFail(() => prepared?.steer(message.cpus))
      case 'start':
        return void start().catch(failed)
      case 'took':
        return told.took(message.events)
      case 'read':
        return say({ said: 'rows', rows: rows() })
      case 'close':
        return void server?.close({ drainMs: message.drainMs })
    }
  })
  say({ said: 'loaded' })
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

const isJob = (value: unknown): value is WorkerJob => typeof value === 'object' && value !== null && 'file' in value && 'number' in value
const isQuestion = (value: unknown): value is ToWorker => typeof value === 'object' && value !== null && 'ask' in value

if (isJob(workerData)) await work(workerData).catch(failed)
