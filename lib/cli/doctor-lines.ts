/** What `millrace doctor` prints: a line for each check, below it the commands, and colours on a terminal. */
import type { Finding, Status } from '../doctor/finding.ts'
import type { Load, Need, Verdict } from '../doctor/need/need.ts'
import { eachWay } from '../doctor/need/need.ts'
import type { Measured, Pace } from '../doctor/measure.ts'
import { bitsText, many, numberText, ppsText } from '../doctor/text.ts'
import type { Output } from './output.ts'

type Paint = 'green' | 'yellow' | 'red' | 'grey'
const codes: Readonly<Record<Paint, number>> = { green: 32, yellow: 33, red: 31, grey: 90 }

const statusPaint: Readonly<Record<Status, Paint>> = { ok: 'green', warn: 'yellow', fail: 'red', skip: 'grey' }
const verdictPaint: Readonly<Record<Verdict, Paint>> = { fits: 'green', short: 'red', unknown: 'grey', note: 'grey' }
const verdictWord: Readonly<Record<Verdict, string>> = { fits: 'fits', short: 'does not fit', unknown: 'not known', note: 'note' }

/** NO_COLOR: see no-color.org. */
function colours({ live }: Output): (paint: Paint, text: string) => string {
  const plain = !live || (process.env['NO_COLOR'] ?? '') !== ''
  return (paint, text) => (plain ? text : `\u001b[${codes[paint]}m${text}\u001b[0m`)
}

export function sayFinding(output: Output, finding: Finding): void {
  const { check, status, found, cost, mend = [], last = [] } = finding
  const head = `${colours(output)(statusPaint[status], status.padEnd(4))}  ${check.padEnd(15)}  ${found}${cost === undefined ? '' : ` -> ${cost}`}`
  output.say([head, ...labelled('mend', mend), ...labelled('last', last)].join('\n'), { type: 'check', at: Date.now(), ...finding })
}

function labelled(label: string, lines: readonly string[]): readonly string[] {
  return lines.map((line, i) => `${' '.repeat(6)}${(i === 0 ? `${label}:` : '').padEnd(6)} ${line}`)
}

export function sayMeasuring(output: Output, load: Load, flows: number): void {
  const { payloadBytes, ppsPerFlow } = load
  const what = `${many(load.flows, 'flow')} with ${bitsText(ppsPerFlow * payloadBytes * 8)} (${ppsText(ppsPerFlow)}) of ${payloadBytes} bytes each way: ${ppsText(eachWay(load))} each way`
  output.say(`\n${what}\nmeasuring for about 5 seconds, with ${many(flows, 'flow')} ...`, { type: 'measuring', at: Date.now(), ...load, datagramsPerSecondEachWay: eachWay(load), measuredFlows: flows })
}

export function sayMeasured(output: Output, measured: Measured): void {
  const { single, trains } = measured
  const lines = [
    `measured, our generator, relay and echo in one process over loopback: ${paceText(single)} with ${many(single.flows, 'flow')} of one datagram each` +
      (trains === undefined ? '' : `; ${paceText(trains)} with ${many(trains.flows, 'flow')} in trains`),
    'loopback has no NIC, no driver and no interrupts, and there were no more flows than that: take these for the most there can be',
  ]
  output.say(lines.join('\n'), { type: 'measured', at: Date.now(), ...measured })
}

/** `0.271 Mpps a core (0.236 Mpps with 0.87 cores)`. */
function paceText({ perCoreSecond, relayedPerSecond, cores }: Pace): string {
  return `${ppsText(perCoreSecond)} a core (${ppsText(relayedPerSecond)} relayed with ${cores.toFixed(2)} cores)`
}

export function sayNeed(output: Output, need: Need): void {
  const { resource, verdict, text, todo = [] } = need
  const head = `${colours(output)(verdictPaint[verdict], verdictWord[verdict].padEnd(12))}  ${resource.padEnd(14)}  ${text}`
  output.say([head, ...todo.map((line, i) => `${' '.repeat(14)}${i === 0 ? 'do:' : '   '} ${line}`)].join('\n'), { type: 'need', at: Date.now(), ...need })
}

export function saySummary(output: Output, findings: readonly Finding[], needs: readonly Need[]): void {
  const count = (status: Status): number => findings.filter((finding) => finding.status === status).length
  const counts = { ok: count('ok'), warn: count('warn'), fail: count('fail'), skip: count('skip') }
  const short = needs.filter(({ verdict }) => verdict === 'short').map(({ resource }) => resource)
  const words = Object.entries(counts).map(([status, number]) => `${numberText(number)} ${status}`).join(', ')
  const plan = needs.length === 0 ? '' : short.length === 0 ? '; nothing that is known stands against this load' : `; does not fit: ${short.join(', ')}`
  output.say(`\n${words}${plan}`, { type: 'summary', at: Date.now(), ...counts, ...(needs.length === 0 ? {} : { short }) })
}

