/** The other half of relay-process.ts: serves what its parent sends and answers its questions, until the parent goes away. */
import { serve, type Ledger, type RelayEvent, type ServeOptions, type ServerAddress, type SessionInfo } from '../../lib/index.ts'
import type { Served } from './relay.ts'

/** What to serve: pipelines are plain data, so those without a handler can be sent to another process. */
export type Job = {
  readonly pipelines: readonly Served[]
  readonly options: Pick<ServeOptions, 'thread' | 'shards' | 'pin' | 'transport' | 'ioUring' | 'sessionEvents' | 'maxPendingBytes' | 'maxPipeBytes' | 'lingerMs' | 'debug' | 'offload'>
  /** Gives SIGPIPE its default action back, which Node had taken away: to end the process. */
  readonly sigpipe?: 'default'
}

export type Question = { readonly ask: 'ledger' | 'sessions' }
export type Close = { readonly closeWithin: number }

export type Said =
  | { readonly type: 'loaded' }
  | { readonly type: 'listening'; readonly addresses: readonly ServerAddress[] }
  | { readonly type: 'events'; readonly events: readonly RelayEvent[] }
  | { readonly type: 'ledger'; readonly ledger: Ledger }
  | { readonly type: 'sessions'; readonly sessions: readonly SessionInfo[] }
  | { readonly type: 'closed' }

const say = (said: Said): void => void process.send?.(said)

async function work({ pipelines, options, sigpipe }: Job): Promise<void> {
  if (sigpipe === 'default') {
    const never = (): undefined => undefined
    process.on('SIGPIPE', never)
    process.removeListener('SIGPIPE', never)
  }
  const server = await serve(pipelines, { ...options, onEvents: (events) => say({ type: 'events', events }) })
  process.on('message', (message: unknown) => {
    if (isClose(message)) void server.close({ drainMs: message.closeWithin }).then(() => say({ type: 'closed' }))
    else if (isQuestion(message) && message.ask === 'ledger') say({ type: 'ledger', ledger: server.ledger() })
    else if (isQuestion(message)) void server.sessions().then((sessions) => say({ type: 'sessions', sessions }))
  })
  say({ type: 'listening', addresses: server.addresses })
}

const isJob = (value: unknown): value is Job => typeof value === 'object' && value !== null && 'pipelines' in value
const isQuestion = (value: unknown): value is Question => typeof value === 'object' && value !== null && 'ask' in value
const isClose = (value: unknown): value is Close => typeof value === 'object' && value !== null && 'closeWithin' in value

process.once('disconnect', () => process.exit())
process.once('message', (message: unknown) => {
  if (isJob(message)) void work(message)
})
say({ type: 'loaded' })
