/** Socket buffers: tried on a socket, since root gets more than net.core.rmem_max says, and a container may get less. See socket(7). */
import { exampleDatagramBytes, flowReceiveBufferBytes, receiveBufferBytes, sendBufferBytes } from './asked.ts'
import type { Facts } from './facts.ts'
import { isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, sysctl, warn } from './finding.ts'
import { bytesText, errnoText, many, numberText, timeText } from './text.ts'

/** A rate to say a time for. */
const exampleRate = 500_000

export function buffers(facts: Facts): readonly Finding[] {
  const { probe } = facts
  if (isUnseen(probe)) return [skip('receive-buffer', probe.unseen), skip('send-buffer', probe.unseen)]
  const { receiveBufferBytes: received, sendBufferBytes: sent, chargedBytes: charged } = probe
  return [
    received < 0 ? skip('receive-buffer', `no socket to try it on: ${errnoText(received)}`) : receive(facts, received, charged),
    sent < 0 ? skip('send-buffer', `no socket to try it on: ${errnoText(sent)}`) : send(facts, sent),
  ]
}

function receive(facts: Facts, given: number, charged: number): Finding {
  const found = `a UDP listener asks for ${bytesText(receiveBufferBytes)} and gets ${bytesText(given)}${limitText(facts, 'rmem', given)}${holds(given, charged)}`
  return given >= receiveBufferBytes
    ? ok('receive-buffer', found)
    : warn('receive-buffer', found, `what comes while it is full is lost (kernelOverflow)${given < flowReceiveBufferBytes ? `, and so are replies: a flow's socket gets as much of its ${bytesText(flowReceiveBufferBytes)}` : ''}`, sysctl({ 'net.core.rmem_max': receiveBufferBytes }))
}

/** How many datagrams fit, by what the kernel charged for one. It gives twice what was asked for, for its own bookkeeping. */
export function datagramsIn(givenBytes: number, chargedBytes: number): number {
  return Math.floor((2 * givenBytes) / chargedBytes)
}

function holds(given: number, charged: number): string {
  if (charged <= 0) return `; what a datagram takes of it could not be tried: ${errnoText(charged)}`
  const datagrams = datagramsIn(given, charged)
  return `, room for ${many(datagrams, 'datagram')} of ${exampleDatagramBytes} bytes (${numberText(charged)} each on loopback), ${timeText(datagrams / exampleRate)} of ${exampleRate / 1000} kpps`
}

function send(facts: Facts, given: number): Finding {
  const found = `a UDP listener asks for ${bytesText(sendBufferBytes)} and gets ${bytesText(given)}${limitText(facts, 'wmem', given)}`
  return given >= sendBufferBytes
    ? ok('send-buffer', found)
    : warn('send-buffer', found, 'replies of all its flows share it: where it is full they wait, and are dropped over the cap (sendBufferFull)', sysctl({ 'net.core.wmem_max': sendBufferBytes }))
}

/** A file may say less than the socket got. */
function limitText(facts: Facts, which: 'rmem' | 'wmem', given: number): string {
  const max = numberAt(facts, `/proc/sys/net/core/${which}_max`)
  if (isUnseen(max)) return ` (net.core.${which}_max is not visible)`
  return max < given ? ` (past net.core.${which}_max ${bytesText(max)}, as CAP_NET_ADMIN may)` : ` (net.core.${which}_max ${bytesText(max)})`
}
