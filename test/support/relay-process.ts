/**
 * A relay alone in a process, for what can only be measured or done to a process: wake-ups, memory, faults, signals. The test
 * sends it pipelines without handlers and asks for its ledger, sessions and events over IPC.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { CloseEvent, Ledger, RelayEvent, ServerAddress, SessionInfo } from '../../lib/index.ts'
import { child, root, type Child } from './child.ts'
import { switches } from './proc.ts'
import { program } from './programs.ts'
import type { Served } from './relay.ts'
import type { Close, Job, Question, Said } from './relay-process-main.ts'
import { within } from './until.ts'

export type RelayProcess = Child & {
  /** Where to connect to the first (or that) pipeline, as `connect` takes it. */
  readonly address: string
  addressOf(pipeline: number): string
  /** All that is bound. */
  readonly addresses: readonly ServerAddress[]
  /** The thread that runs the loop. */
  readonly loopThread: number
  ledger(): Promise<Ledger>
  sessions(): Promise<readonly SessionInfo[]>
  events(): readonly RelayEvent[]
  /** The close events, once there are `count` of them. */
  closes(count: number): Promise<readonly CloseEvent[]>
  close(drainMs: number): Promise<void>
}

export type RelayJob = Omit<Job, 'pipelines' | 'options'> & Job['options'] & {
  /** A program and its arguments to run it under, which execs it: `ip netns exec …`. */
  readonly under?: readonly string[]
  /** How many descriptors it may have from when its modules are loaded, which takes many at once. */
  readonly descriptors?: number
}

export async function relayProcess(pipelines: Served | readonly Served[], job: RelayJob = {}): Promise<RelayProcess> {
  const { sigpipe, under = [], descriptors, ...options } = job
  const [command, ...args] = [...under, process.execPath, '--import', 'tsx', `${root}test/support/relay-process-main.ts`]
  const relay = child(command, args, { ipc: true })
  const events: RelayEvent[] = []
  const waiting = new Set<(said: Said) => void>()
  relay.process.on('message', (message: unknown) => {
    if (!isSaid(message)) return
    if (message.type === 'events') events.push(...message.events)
    for (const hear of [...waiting]) hear(message)
  })
  const heard = <T>(what: string, find: (said: Said) => T | undefined): Promise<T> => {
    const found = new Promise<T>((resolve, reject) => {
      const hear = (said: Said): void => {
        const value = find(said)
        if (value === undefined) return
        waiting.delete(hear)
        resolve(value)
      }
      waiting.add(hear)
      void relay.exited.then(({ code, signal }) => reject(new Error(`the relay ended with ${signal ?? `code ${code ?? ''}`} instead of ${what}\n${relay.stderr()}`)))
    })
    return within(found, what, 60_000)
  }
  const tell = (message: Job | Question | Close): void => void relay.process.send(message)

  await heard('loaded', (said) => (said.type === 'loaded' ? true : undefined))
  if (descriptors !== undefined) execFileSync(program('prlimit', 'util-linux'), ['--pid', String(relay.pid), `--nofile=${descriptors}:${descriptors}`])
  tell({ pipelines: [pipelines].flat(), options, ...(sigpipe === undefined ? {} : { sigpipe }) })
  const addresses = await heard('listening', (said) => (said.type === 'listening' ? said.addresses : undefined))
  const addressOf = (pipeline: number): string => {
    const found = addresses[pipeline]
    if (found === undefined) throw new Error(`pipeline ${pipeline} has no address`)
    return found.text
  }
  return {
    ...relay,
    address: addressOf(0),
    addressOf,
    addresses,
    loopThread: loopThreadOf(relay.pid),
    ledger: () => {
      tell({ ask: 'ledger' })
      return heard('a ledger', (said) => (said.type === 'ledger' ? said.ledger : undefined))
    },
    sessions: () => {
      tell({ ask: 'sessions' })
      return heard('the sessions', (said) => (said.type === 'sessions' ? said.sessions : undefined))
    },
    events: () => events,
    closes: async (count) => {
      const closes = (): CloseEvent[] => events.filter((event) => event.type === 'close')
      if (closes().length < count) await heard(`${count} close events`, () => (closes().length < count ? undefined : true))
      return closes()
    },
    close: async (drainMs) => {
      tell({ closeWithin: drainMs })
      await heard('closed', (said) => (said.type === 'closed' ? true : undefined))
    },
  }
}

const isSaid = (value: unknown): value is Said => typeof value === 'object' && value !== null && 'type' in value

/** The first thread that the addon has named `millrace`, or the main thread where the loop runs embedded in it. */
export function loopThreadOf(pid: number): number {
  for (const tid of switches(pid).keys()) {
    if (readFileSync(`/proc/${pid}/task/${tid}/comm`, 'utf8').trim().startsWith('millrace')) return tid
  }
  return pid
}
