/** What `blast` prints: each second how much went and came, and at the end how it went altogether. */
import type { LoadReport } from '../load.ts'
import type { AnyPipeline } from './endpoints.ts'
import { every, statsJson } from './live-line.ts'
import type { ShowStats } from './live-line.ts'
import { balanceText, datagramsText, droppedText, icmpText, percentOf, percentText, secondText } from './quantities.ts'
import type { Rates, Reading } from './reading.ts'
import type { Running } from './running.ts'

export function showBlast(pipeline: AnyPipeline): ShowStats {
  return every([pipeline], {
    second: (output, now, rates, server) => {
      const load = loadOf(server)
      output.say(secondLine(load, rates), { ...statsJson(now, rates), load })
    },
    end: (output, now, _, server) => {
      const load = loadOf(server)
      output.say(summary(load, now), summaryJson(load, now))
    },
  })
}

/** `0.352 Mpps 10.730 MiB / 90.010 Mb, replies 0.351 Mpps, lost 0.0012 %`. */
function secondLine(load: LoadReport, { toUpstream, toDownstream, dropped }: Rates): string {
  const replies = load.received === 0 ? ['no replies'] : [`replies ${datagramsText(toDownstream.datagrams)}`, `lost ${percentText(load.lost, load.sent)}`]
  return [secondText(toUpstream), ...replies, ...droppedText(dropped)].join(', ')
}

/** Where nothing came back there was nothing to come, from a sink for instance: that is no loss. */
function summary(load: LoadReport, { dropped, balanced, account }: Reading): string {
  const { sent, received, lost, reordered, duplicated, sendFailures } = load
  const replies = [
    `received ${received}`,
    `lost ${lost} (${percentText(lost, sent)})`,
    `reordered ${reordered}`,
    `duplicated ${duplicated}`,
    latencyText(load),
    `${datagramsText(rateOf(received, load))} received`,
  ]
  return [
    `sent ${sent}`,
    `${datagramsText(rateOf(sent, load))} sent`,
    ...(sendFailures > 0 ? [`send failures ${sendFailures}`] : []),
    ...(received === 0 ? ['no replies'] : replies),
    ...droppedText(dropped),
    ...icmpText(account),
    ...(balanced ? [] : [balanceText(false)]),
  ].join(', ')
}

/** `latency p50 45 µs p99 120 µs p99.9 300 µs max 1.2 ms`. */
function latencyText({ latencyUs }: LoadReport): string {
  if (latencyUs === undefined) return 'no latency' // the datagrams are too small for a time to be in them
  const { p50, p99, p999, max } = latencyUs
  return `latency p50 ${timeText(p50)} p99 ${timeText(p99)} p99.9 ${timeText(p999)} max ${timeText(max)}`
}

function timeText(us: number): string {
  return us < 1000 ? `${us.toFixed(0)} µs` : `${(us / 1000).toFixed(1)} ms`
}

function summaryJson(load: LoadReport, { dropped, balanced, account }: Reading) {
  const { sent, received, lost } = load
  const [sentPerSecond, receivedPerSecond] = [rateOf(sent, load), rateOf(received, load)].map(Math.round)
  return { type: 'summary', at: Date.now(), ...load, lostPercent: percentOf(lost, sent), sentPerSecond, receivedPerSecond, dropped, icmpErrors: account.datagrams.icmpErrors, balanced }
}

function rateOf(datagrams: number, { seconds }: LoadReport): number {
  return seconds > 0 ? datagrams / seconds : 0
}

function loadOf(server: Running): LoadReport {
  const load = server.load()
  if (load === undefined) throw new Error('a server with a generator has a load report')
  return load
}
