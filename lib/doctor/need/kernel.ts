/** What the kernel has a number of: local ports, entries of connection tracking, and room in a listener's buffer. */
import { maxFlows } from '../asked.ts'
import { datagramsIn } from '../buffers.ts'
import { entriesPerFlow, moreEntries, tracking } from '../conntrack.ts'
import type { Facts } from '../facts.ts'
import { isUnseen } from '../facts.ts'
import type { Load, Need } from './need.ts'
import { eachWay, verdictOn } from './need.ts'
import { localPorts, widen } from '../ports.ts'
import { many, numberText, timeText } from '../text.ts'

const widest = 65_535 - 1_024 + 1

/** One for each flow, whatever the upstream: UDP binds before it connects. */
export function portsFor({ flows }: Load, facts: Facts): Need {
  const free = localPorts(facts)
  const verdict = verdictOn(flows, isUnseen(free) ? undefined : free)
  const cap = flows > maxFlows ? `, and --max-flows ${flows}, which is ${numberText(maxFlows)} by default` : ''
  const text = `${numberText(flows)}, one for each flow${cap}; ${isUnseen(free) ? free.unseen : `a source address has ${numberText(free)}`}`
  const result = { resource: 'ports', verdict, text, needed: flows, ...(isUnseen(free) ? {} : { available: free }) }
  if (verdict !== 'short' || isUnseen(free)) return result
  const wider = flows <= widest ? (widen(facts).mend ?? []) : []
  const addresses = many(Math.ceil(flows / (wider.length > 0 ? free : widest)), 'source address', 'source addresses')
  const several = `${addresses}, all of them in --source-address`
  return { ...result, todo: [...wider, wider.length > 0 ? `or ${several}` : several] }
}

/** How long the loop may be busy with something else before its listener's buffer overflows. */
export function bufferFor(load: Load, { probe }: Facts): Need {
  if (isUnseen(probe) || probe.receiveBufferBytes < 0 || probe.chargedBytes <= 0) {
    return { resource: 'receive-buffer', verdict: 'unknown', text: 'what a datagram takes of a receive buffer could not be tried', needed: leastSeconds }
  }
  const datagrams = datagramsIn(probe.receiveBufferBytes, probe.chargedBytes)
  const seconds = datagrams / eachWay(load)
  const text = `a listener's buffer should last ${timeText(leastSeconds)}; it holds ${many(datagrams, 'datagram')} of ${load.payloadBytes} bytes (${numberText(probe.chargedBytes)} each on loopback), ${timeText(seconds)} of this load`
  const verdict = verdictOn(leastSeconds, seconds)
  const shards = Math.ceil(leastSeconds / seconds)
  const bytes = 2 ** 20 * Math.ceil((shards * probe.receiveBufferBytes) / 2 ** 20)
  const larger = bytes > mostReceiveBufferBytes ? '' : `, or --receive-buffer ${bytes / 2 ** 20}MiB and net.core.rmem_max as much`
  const todo = [`${numberText(shards)} listeners, that is, ports or shards${larger}`]
  return { resource: 'receive-buffer', verdict, text, needed: leastSeconds, available: seconds, ...(verdict === 'short' ? { todo } : {}) }
}

/** Of `--receive-buffer`, 1 GiB. */
const mostReceiveBufferBytes = 2 ** 30

/** A turn that has read all it may takes about a millisecond; the scheduler may come between two of them. */
const leastSeconds = 5e-3

/** Nothing to say where nothing is tracked. */
export function conntrackFor({ flows }: Load, facts: Facts): readonly Need[] {
  const seen = tracking(facts)
  const needed = entriesPerFlow * flows
  if (isUnseen(seen)) return [{ resource: 'conntrack', verdict: 'unknown', text: `${numberText(needed)} entries if flows are tracked; ${seen.unseen}`, needed }]
  if (seen === undefined) return []
  const available = seen.max - seen.count
  const verdict = verdictOn(needed, available)
  const text = `${numberText(needed)} entries, two for each flow${seen.exempt ? ' that no notrack rule exempts' : ''}; ${numberText(available)} of ${numberText(seen.max)} are free`
  const todo = moreEntries(facts, seen.count + 2 * needed)
  return [{ resource: 'conntrack', verdict, text, needed, available, ...(verdict === 'short' ? { todo } : {}) }]
}
