/** Memory: what a flow takes of the process and of the kernel, and a listener's buffers. */
import { knownKernelBytesPerFlow, knownUserBytesPerFlow, receiveBufferBytes, sendBufferBytes } from '../asked.ts'
import { memoryRoom } from '../container.ts'
import type { Facts } from '../facts.ts'
import { isUnseen, numbersAt } from '../facts.ts'
import type { Load, Need } from './need.ts'
import { verdictOn } from './need.ts'
import type { Measured } from '../measure.ts'
import { bytesText, numberText } from '../text.ts'

/** What the kernel grants is twice what was asked for. */
const bufferBytes = 2 * (receiveBufferBytes + sendBufferBytes)
/** Of Node and the loop. */
const ownBytes = 100 * 1024 * 1024

export function memoryFor(load: Load, facts: Facts, { userBytesPerFlow, kernelBytesPerFlow }: Measured): Need {
  const user = userBytesPerFlow ?? knownUserBytesPerFlow
  const kernel = kernelBytesPerFlow ?? knownKernelBytesPerFlow
  const needed = ownBytes + bufferBytes + load.flows * (user + kernel)
  const room = memoryRoom(facts)
  const measured = (value: number | undefined): string => (value === undefined ? 'known from elsewhere, it could not be measured here' : 'measured')
  const text =
    `${bytesText(needed)}: a flow takes ${numberText(user)} bytes of the process (${measured(userBytesPerFlow)}) and ${numberText(kernel)} of the kernel for its socket (${measured(kernelBytesPerFlow)}), ` +
    `${bytesText(bufferBytes)} are the listener's buffers and ${bytesText(ownBytes)} Node's; what waits in flows' sockets comes on top${mostWaiting(facts)}; ` +
    (isUnseen(room) ? 'what is free is not visible' : `${bytesText(room)} free`)
  const verdict = verdictOn(needed, isUnseen(room) ? undefined : room)
  return { resource: 'memory', verdict, text, needed, ...(isUnseen(room) ? {} : { available: room }), ...(verdict === 'short' ? { todo: ['more memory, or a higher limit of the cgroup (memory.max)'] } : {}) }
}

/** The sum over all UDP sockets of the machine has a bound. */
function mostWaiting(facts: Facts): string {
  const pages = numbersAt(facts, '/proc/sys/net/ipv4/udp_mem')
  if (isUnseen(pages) || isUnseen(facts.probe)) return ''
  return `, ${bytesText((pages[2] ?? 0) * facts.probe.pageBytes)} at most (net.ipv4.udp_mem)`
}
