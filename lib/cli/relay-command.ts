/**
 * What all serving commands have in common: the options about output and ending, and the way from a pipeline to
 * its ready line, its events and its exit code.
 */
import { constants } from 'node:os'
import type { Command } from 'commander'
import { RelayError } from '../errors.ts'
import type { RelayEvent } from '../events.ts'
import { limited } from '../limited.ts'
import { serve } from '../serve.ts'
import { checkShards, shardsText } from '../shards.ts'
import { stackOf, whose } from './blame.ts'
import type { AnyPipeline } from './endpoints.ts'
import { closeLine, noticeLine } from './event-lines.ts'
import { liveLine } from './live-line.ts'
import type { ShowStats } from './live-line.ts'
import type { OffloadOption } from './offload-option.ts'
import type { Output } from './output.ts'
import { createOutput } from './output.ts'
import { counted } from './quantities.ts'
import { readyLines } from './ready-line.ts'
import { bufferWarning } from './receive-buffer.ts'
import type { ReceiveBuffer } from './receive-buffer.ts'
import { runUntilSignal } from './run-until-signal.ts'
import type { Running, Start, Started } from './running.ts'
import { addShardOptions, shardsOf } from './shard-options.ts'
import type { ShardFlags } from './shard-options.ts'
import { duration } from './units.ts'
import { exitFailure, usage } from './usage.ts'

export type RelayOptions = ReceiveBuffer & ShardFlags & OffloadOption & {
  readonly stats?: number
  readonly json?: true
  readonly log?: true
  readonly drain?: number
}

export const defaultDrainMs = 30_000
/** Below this the line itself would be the load. */
const leastStatsMs = 10

export function addRelayOptions(command: Command): Command {
  return addShardOptions(command)
    .option('--stats <duration>', 'show sessions, rates, totals and what was dropped this often, such as 1s', statsInterval)
    .option('--log', 'print a line for each session that ended, a udp flow by its idle timeout; --json tells of beginnings too, and dropped datagrams are in --stats')
    .option('--json', 'print one JSON object a line: listening, open, close, notice, stats, closing')
    .option('--drain <duration>', 'how long sessions may go on after SIGTERM or SIGINT (default: 30s); a udp flow that has been quiet for a second has ended', (text) => duration('--drain', text))
}

/** For the commands that measure: a line every second. */
export function addMeasureOptions(command: Command, more: string): Command {
  return command
    .option('--stats <duration>', 'print a line this often (default: 1s)', statsInterval)
    .option('--json', `print one JSON object a line: ${more}`)
}

function statsInterval(text: string): number {
  const ms = duration('--stats', text)
  if (ms < leastStatsMs) throw usage(`--stats: "${text}" is too often: the least is ${leastStatsMs}ms`)
  return ms
}

/** How a command that measures differs: it tells of no single session. */
export type Measure = {
  /** Instead of the live line. */
  readonly show: ShowStats
  /** It ends by itself when all has been generated. What went wrong, if anything did, is then asked here. */
  readonly ends?: (server: Running) => string | undefined
}

export type Relay = {
  readonly command: string
  readonly start: Start
  readonly options: RelayOptions
  readonly measure?: Measure
  /** Called when everything is up and the ready lines are out. */
  readonly onReady?: (server: Running, output: Output) => void
}

/** In this process. */
export function startHere(pipelines: readonly AnyPipeline[]): Start {
  return async (options) => {
    const server = await serve(pipelines, options)
    const loops = shardsText(checkShards(options))
    return { server, pipelines, ready: readyLines(server.addresses, pipelines), ...(loops === '' ? {} : { loops }) }
  }
}

/** Serves until a signal ends it; rejects where something cannot be set up. The value is the exit code. */
export async function runRelay({ command, start, options, onReady, measure }: Relay): Promise<number> {
  const output = createOutput(process.stdout, options.json === true)
  const warn = (text: string): void => void process.stderr.write(`millrace: ${command}: ${text}\n`)
  const reports = limited(warn)
  let failure: string | undefined
  // As a signal would end it, but so that rules that are being loaded go with it.
  const endStarting = (signal: NodeJS.Signals): never => process.exit(128 + constants.signals[signal])
  if (options.offload !== undefined) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, endStarting)
  const { server, pipelines, ready, loops }: Started = await start({
    ...shardsOf(options),
    ...(options.offload === undefined ? {} : { offload: options.offload }),
    sessionEvents: measure === undefined && (options.json === true || options.log === true),
    onEvents: (batch) => {
      for (const event of batch) {
        const last = measure?.ends !== undefined && event.type === 'notice' && (event.code === 'generated' || event.code === 'nameUnresolved')
        if (!last) {
          showEvent(event, options, output, warn)
          continue
        }
        if (event.code === 'nameUnresolved') failure = `${event.name} does not resolve (${event.message})`
        void server.close({ drainMs: 0 })
      }
    },
    onError: (error, session) => reports(() => (error instanceof RelayError && error.code === 'ERR_MILLRACE_NO_OFFLOAD' ? error.message : `${whose(session)}: ${stackOf(error)}`)),
  })
  const drainMs = options.drain ?? defaultDrainMs
  const ended = runUntilSignal(server, pipelines, {
    drainMs,
    onClosing: (signal) => {
      const { open } = server.ledger().sessions
      const wait = open > 0 && drainMs > 0 ? `: ${open} open, up to ${drainMs / 1000}s to end, again to end at once` : ''
      output.say(`closing on ${signal}${wait}`, { type: 'closing', at: Date.now(), signal, open, drainMs })
    },
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.removeListener(signal, endStarting)
  for (const { text, json } of ready) output.say(text, json)
  if (loops !== undefined) output.say(loops, { type: 'shards', at: Date.now(), text: loops })
  for (const warning of bufferWarning(server, options)) warn(warning)
  onReady?.(server, output)
  const show = measure?.show ?? liveLine(pipelines)
  const stopStats = options.stats === undefined ? undefined : show(server, output, options.stats)
  const { exitCode, cut } = await ended
  stopStats?.()
  if (exitCode === 1 && server.failure?.() === undefined) warn(`${counted(cut, 'session')} ${cut === 1 ? 'was' : 'were'} cut after ${drainMs / 1000}s of draining`)
  failure ??= server.failure?.() ?? measure?.ends?.(server)
  if (failure === undefined) return exitCode
  warn(failure)
  return exitCode === 0 ? exitFailure : exitCode
}

function showEvent(event: RelayEvent, { log, json }: RelayOptions, output: Output, warn: (text: string) => void): void {
  if (json === true) output.say('', event)
  else if (event.type === 'notice') warn(noticeLine(event))
  else if (event.type === 'close' && log === true) output.say(closeLine(event), event)
}
