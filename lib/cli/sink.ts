/** `millrace sink LISTEN`: takes everything and throws it away, and says each second how much that was. */
import { Command } from 'commander'
import type { Kind } from '../part.ts'
import { discard } from '../sinks/discard.ts'
import type { AnyPipeline } from './endpoints.ts'
import { endpoint } from './endpoints.ts'
import { every, statsJson, withShards } from './live-line.ts'
import type { ShowStats } from './live-line.ts'
import { balanceText, bytesText, counted, droppedText, secondText, volumeText } from './quantities.ts'
import type { Rates, Reading, ShardRates, ShardReading } from './reading.ts'
import { addReceiveBuffer, pipelineInto } from './receive-buffer.ts'
import { addMeasureOptions, runRelay, startHere } from './relay-command.ts'
import type { RelayOptions } from './relay-command.ts'
import { addShardOptions } from './shard-options.ts'

const examples = `
Examples:
  $ millrace sink udp://127.0.0.1:7890 --receive-buffer 32MiB
  $ millrace sink tcp://127.0.0.1:7890 --json`

export function sinkCommand(): Command {
  const command = new Command('sink')
    .summary('take everything, throw it away and say how much it was')
    .description('Accepts on LISTEN and throws away whatever comes. Each second it prints datagrams, megabytes and megabits of that second.')
    .argument('<listen>', 'where to listen, such as udp://127.0.0.1:7890 or tcp://127.0.0.1:7890')
  return addMeasureOptions(addShardOptions(addReceiveBuffer(command)), 'listening, notice, stats, closing')
    .addHelpText('after', examples)
    .action(async (listenAt: string, options: RelayOptions) => {
      const pipeline = pipelineInto(discard(), endpoint('LISTEN', listenAt), options)
      const measured = { stats: 1_000, drain: 0, ...options }
      process.exitCode = await runRelay({ command: 'sink', start: startHere([pipeline]), options: measured, measure: { show: showSink(pipeline) } })
    })
}

function showSink(pipeline: AnyPipeline): ShowStats {
  return every([pipeline], {
    second: (output, now, rates) => output.say(withShards(secondLine(pipeline.kind, rates), now, rates, shardLine), statsJson(now, rates)),
    end: (output, now, rates) => output.say(summary(pipeline.kind, now), statsJson(now, rates)),
  })
}

/** `0.352 Mpps 10.730 MiB / 90.010 Mb`, of a stream without the datagrams; and what has been dropped in that second. */
function secondLine(kind: Kind, { toUpstream, dropped }: Rates): string {
  return [kind === 'datagram' ? secondText(toUpstream) : volumeText(toUpstream.bytes), ...droppedText(dropped)].join(', ')
}

function shardLine({ dropped }: ShardReading, { toUpstream }: ShardRates, hasFlows: boolean): string {
  return [hasFlows ? secondText(toUpstream) : volumeText(toUpstream.bytes), ...droppedText(dropped)].join(', ')
}

function summary(kind: Kind, { toUpstream: { datagrams, bytes }, dropped, streams, balanced }: Reading): string {
  const what = kind === 'datagram' ? counted(datagrams, 'datagram') : counted(streams?.accepted ?? 0, 'session')
  return [`took ${what}`, bytesText(bytes), ...droppedText(dropped), balanceText(balanced)].join(', ')
}
