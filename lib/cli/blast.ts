/** `millrace blast URL`: sends datagrams at a rate, counts what comes back, and says each second and at the end how it went. */
import { Command } from 'commander'
import { formatEndpoint } from '../endpoint.ts'
import type { GenerateOptions } from '../generate.ts'
import { generate } from '../generate.ts'
import { pipe } from '../pipe.ts'
import { forward } from '../sinks/forward.ts'
import { showBlast } from './blast-lines.ts'
import type { AnyPipeline } from './endpoints.ts'
import { endpoint } from './endpoints.ts'
import { addMeasureOptions, runRelay, startHere } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import type { Running } from './running.ts'
import { count, datagramRate, duration } from './units.ts'
import { fromOption, usage } from './usage.ts'

const defaultDurationMs = 10_000

/** What generates is put together from the options that were typed. */
type BlastOptions = RelayOptions & {
  readonly [Name in 'flows' | 'size' | 'rate' | 'window' | 'duration']?: GenerateOptions
} & { readonly gso?: true }

const examples = `
Examples:
  $ millrace blast udp://127.0.0.1:7890 --flows 16 --size 800 --rate 500kpps
  $ millrace blast udp://127.0.0.1:7890 --flows 16 --size 800 --window 64 --duration 30s
  $ millrace blast udp://127.0.0.1:7890 --gso --json | jq 'select(.type == "summary")'`

export function blastCommand(): Command {
  const command = new Command('blast')
    .summary('send datagrams at a rate and measure what comes back')
    .description(
      'Sends datagrams to URL and counts the replies. Each second it prints datagrams, megabytes and megabits of that second, replies and loss; ' +
        'at the end, or on Ctrl-C, what was sent, received and lost, and the latency.',
    )
    .argument('<url>', 'where to send, such as udp://127.0.0.1:7890; the flows take the ports of a range, udp://127.0.0.1:7890-7900, in turn')
  add(command, '--flows <count>', 'flows, each from a port of its own (default: 1)', (option, text) => ({ flows: count(option, text, 0) }))
  add(command, '--size <bytes>', 'bytes of a datagram, 0 to 65507 (default: 64)', (option, text) => ({ sizeBytes: count(option, text, 0) }))
  add(command, '--rate <rate>', 'datagrams a second of all flows together, such as 500kpps or 1Mpps (default: max, as fast as it goes)', (option, text) => ({
    ratePerSecond: datagramRate(option, text),
  }))
  add(command, '--window <count>', 'datagrams of a flow that may be unanswered before it waits (default: any number)', (option, text) => ({
    window: count(option, text, 0),
  }))
  add(command, '--duration <duration>', 'how long to send (default: 10s; 0s: until Ctrl-C)', (option, text) => ({ durationMs: duration(option, text) }))
  command.option('--gso', 'have the kernel cut runs of datagrams from one send each (UDP_SEGMENT)')
  return addMeasureOptions(command, 'generating, notice, stats, closing, summary')
    .addHelpText('after', examples)
    .action(async (url: string, options: BlastOptions) => {
      const pipeline = pipelineTo(url, options)
      const measured = { stats: 1_000, drain: endMs, ...options }
      process.exitCode = await runRelay({ command: 'blast', start: startHere([pipeline]), options: measured, measure: { show: showBlast(pipeline), ends: (server) => unheard(url, server) } })
    })
}

/** Within this it has heard what is still under way, or given up on it. */
const endMs = 15_000

/** A sink answers nothing either, but there the kernel does not say that nobody listens. */
function unheard(url: string, server: Running): string | undefined {
  const { icmpErrors } = server.ledger().datagrams
  return icmpErrors > 0 && server.load()?.received === 0 ? `nothing came back from ${url}, and ICMP says that nobody listens there` : undefined
}

/** An option that says a part of what `generate` shall do, checked by it as it is typed. */
function add(command: Command, flags: string, description: string, make: (option: string, text: string) => GenerateOptions): void {
  const option = flags.replace(/ .*/, '')
  command.option(flags, description, (text: string) => fromOption(option, () => {
    const part = make(option, text)
    generate(part)
    return part
  }))
}

function pipelineTo(url: string, { flows, size, rate, window, duration: time, gso }: BlastOptions): AnyPipeline {
  const to = endpoint('URL', url)
  if (to.kind === 'stream') throw usage(`URL: ${formatEndpoint(to.at)} is no goal for datagrams: expected udp://HOST:PORT`)
  const source = generate({ durationMs: defaultDurationMs, ...flows, ...size, ...rate, ...window, ...time, ...(gso === true ? { gso } : {}) })
  return fromOption('URL', () => pipe(source, forward(to)))
}
