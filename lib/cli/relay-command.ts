/**
 * What `forward`, `echo`, `run` and `demo` have in common: the options about output and ending, and the way from a pipeline to
 * its ready line, its events and its exit code.
 */
import type { Command } from 'commander'
import type { RelayEvent } from '../events.ts'
import type { Pipeline } from '../pipe.ts'
import { serve } from '../serve.ts'
import type { Server } from '../server.ts'
import type { Session } from '../session.ts'
import { closeLine, noticeLine } from './event-lines.ts'
import { showStats } from './live-line.ts'
import type { Output } from './output.ts'
import { createOutput } from './output.ts'
import { readyJson, readyLine } from './ready-line.ts'
import { runUntilSignal } from './run-until-signal.ts'
import { duration } from './units.ts'
import { usage } from './usage.ts'

export type RelayOptions = {
  readonly stats?: number
  readonly json?: true
  readonly log?: true
  readonly drain?: number
}

const defaultDrainMs = 30_000
/** Below this the line itself would be the load. */
const leastStatsMs = 10

export function addRelayOptions(command: Command): Command {
  return command
    .option('--stats <duration>', 'show sessions, rates and totals this often, such as 1s', statsInterval)
    .option('--log', 'print a line for each session that ended')
    .option('--json', 'print one JSON object a line: listening, open, close, notice, stats, closing')
    .option('--drain <duration>', 'how long sessions may go on after SIGTERM or SIGINT (default: 30s)', (text) => duration('--drain', text))
}

function statsInterval(text: string): number {
  const ms = duration('--stats', text)
  if (ms < leastStatsMs) throw usage(`--stats: "${text}" is too often: the least is ${leastStatsMs}ms`)
  return ms
}

export type Relay = {
  readonly command: string
  readonly pipelines: readonly Pipeline<'stream'>[]
  readonly options: RelayOptions
  /** Called when everything is up and the ready lines are out. */
  readonly onReady?: (server: Server, output: Output) => void
}

/** Serves until a signal ends it; rejects where something cannot be set up. The value is the exit code. */
export async function runRelay({ command, pipelines, options, onReady }: Relay): Promise<number> {
  const output = createOutput(process.stdout, options.json === true)
  const warn = (text: string): void => void process.stderr.write(`millrace: ${command}: ${text}\n`)
  const server = await serve(pipelines, {
    sessionEvents: options.json === true || options.log === true,
    onEvents: (batch) => batch.forEach((event) => showEvent(event, options, output, warn)),
    onError: (error, session) => warn(`${whose(session)}: ${stackOf(error)}`),
  })
  const drainMs = options.drain ?? defaultDrainMs
  const ended = runUntilSignal(server, {
    drainMs,
    onClosing: (signal) => {
      const { open } = server.ledger().sessions
      const wait = open > 0 && drainMs > 0 ? `: ${open} open, up to ${drainMs / 1000}s to end, again to end at once` : ''
      output.say(`closing on ${signal}${wait}`, { type: 'closing', at: Date.now(), signal, open, drainMs })
    },
  })
  for (const address of server.addresses) output.say(readyLine(address, pipelines), readyJson(address, pipelines))
  onReady?.(server, output)
  const stopStats = options.stats === undefined ? undefined : showStats(server, output, options.stats)
  const { exitCode, cut } = await ended
  stopStats?.()
  if (exitCode === 1) warn(`${cut} ${cut === 1 ? 'session was' : 'sessions were'} cut after ${drainMs / 1000}s of draining`)
  return exitCode
}

function showEvent(event: RelayEvent, { log, json }: RelayOptions, output: Output, warn: (text: string) => void): void {
  if (json === true) output.say('', event)
  else if (event.type === 'notice') warn(noticeLine(event))
  else if (event.type === 'close' && log === true) output.say(closeLine(event), event)
}

function whose(session: Session | undefined): string {
  return session === undefined ? 'events' : `session ${session.id} of ${session.downstream}`
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
