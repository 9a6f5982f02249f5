/** `50000x1Mbps@800B`, flows x rate of each @ payload, as a load. */
import { maxDatagramBytes } from '../plan.ts'
import type { Load } from '../doctor/need/need.ts'
import { size } from './units.ts'
import { usage } from './usage.ts'

const expected = 'write it like 50000x1Mbps@800B or 10000x100pps@200B'

const bits: Readonly<Record<string, number>> = { bps: 1, kbps: 1e3, Mbps: 1e6, Gbps: 1e9 }
const datagrams: Readonly<Record<string, number>> = { pps: 1, kpps: 1e3, Mpps: 1e6 }

/** The rate is that of the payload, in each direction. */
export function loadShape(option: string, text: string): Load {
  const [, flowsText, rateText, sizeText] = /^(.*?)x(.*)@(.*)$/.exec(text) ?? []
  if (flowsText === undefined || rateText === undefined || sizeText === undefined) throw usage(`${option}: "${text}" is not a load: ${expected}`)
  const flows = Number(flowsText)
  if (!/^\d{1,10}$/.test(flowsText) || flows < 1) throw usage(`${option}: "${flowsText}" is not a number of flows: ${expected}`)
  const payloadBytes = size(option, sizeText)
  if (payloadBytes > maxDatagramBytes) throw usage(`${option}: "${sizeText}" is more than a datagram can carry: at most ${maxDatagramBytes}B`)
  return { flows, ppsPerFlow: ratePerSecond(option, rateText, payloadBytes), payloadBytes }
}

function ratePerSecond(option: string, text: string, payloadBytes: number): number {
  const [, amount, unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)([A-Za-z]*)$/.exec(text) ?? []
  if (amount === undefined) throw usage(`${option}: "${text}" is not a rate of a flow: ${expected}`)
  const known = { ...bits, ...datagrams }
  if (unit === '') throw usage(`${option}: "${text}" has no unit: write ${Object.keys(known).join(', ')}`)
  const factor = Object.hasOwn(known, unit) ? known[unit] : undefined
  if (factor === undefined) throw usage(`${option}: "${text}" has the unknown unit "${unit}": write ${Object.keys(known).join(', ')}`)
  const perSecond = (Number(amount) * factor) / (Object.hasOwn(bits, unit) ? 8 * payloadBytes : 1)
  if (perSecond === 0) throw usage(`${option}: "${text}" is nothing to plan for`)
  return perSecond
}
