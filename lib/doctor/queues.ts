/**
 * Interfaces: how many receive queues one has and where their softirq runs. With one queue and no RPS a single CPU takes in all that comes by
 * it, whatever number of loops there is. See Documentation/networking/scaling.rst of the kernel.
 */
import { countIn, partsIn } from '../number-list.ts'
import { onlineCpus } from './cpus.ts'
import type { Facts } from './facts.ts'
import { isUnseen, numberAt } from './facts.ts'
import type { Finding } from './finding.ts'
import { ok, skip, warn } from './finding.ts'
import { many, numberText } from './text.ts'

const net = '/sys/class/net'

export function queues(facts: Facts): readonly Finding[] {
  const names = facts.list(net)
  if (isUnseen(names)) return [skip('queues', names.unseen)]
  const up = names.filter((name) => hasDevice(facts, name) && ['up', 'unknown'].includes(text(facts, `${net}/${name}/operstate`)))
  return up.length === 0 ? [skip('queues', 'no interface with a device is up here: what is virtual takes in where its sender runs')] : up.map((name) => ofInterface(facts, name))
}

/** A bridge, veth or loopback has none, and no queue of its own to wait in. */
export function hasDevice({ list }: Facts, name: string): boolean {
  return !isUnseen(list(`${net}/${name}/device`))
}

function ofInterface(facts: Facts, name: string): Finding {
  const check = `queues ${name}`
  const [all, list] = [facts.list(`${net}/${name}/queues`), onlineCpus(facts)]
  if (isUnseen(all)) return skip(check, all.unseen)
  if (isUnseen(list)) return skip(check, list.unseen)
  const online = countIn(list)
  const [receive, send] = ['rx-', 'tx-'].map((kind) => all.filter((queue) => queue.startsWith(kind)).map((queue) => `${net}/${name}/queues/${queue}`))
  const steered = (receive ?? []).map((queue) => text(facts, `${queue}/rps_cpus`))
  if (receive === undefined || receive.length === 0 || steered.includes('')) return skip(check, 'its receive queues are not visible')
  const steering = steered.some(isMask)
  const found = [
    `${many(receive.length, 'receive queue')} for ${many(online, 'CPU')}`,
    `RPS ${steering ? 'on' : 'off'}`,
    flowSteering(facts, receive),
    `XPS ${stateOf((send ?? []).map((queue) => text(facts, `${queue}/xps_cpus`)))}`,
    interrupts(facts, name),
  ].join(', ')
  if (steering || receive.length >= online) return ok(check, found)
  const mask = maskOf(list)
  return warn(check, found, `${receive.length === 1 ? 'one CPU takes' : `${numberText(receive.length)} CPUs take`} in every datagram before a loop gets it: what is more than that is dropped by the interface`, {
    mend: receive.map((queue) => `echo ${mask} > ${queue}/rps_cpus`),
    last: receive.map((queue) => `echo 'w ${queue}/rps_cpus - - - - ${mask}' >> /etc/tmpfiles.d/millrace.conf`),
  })
}

/** As the kernel takes it: a bit for each CPU, in hexadecimal words of 32. */
function maskOf(list: string): string {
  const bits = partsIn(list).reduce((mask, [first, last]) => mask | (((1n << BigInt(last - first + 1)) - 1n) << BigInt(first)), 0n)
  return bits.toString(16).replace(/(?=(?:.{8})+$)(?!^)/g, ',')
}

/** RFS: steering to the CPU where the reader runs. */
function flowSteering(facts: Facts, receive: readonly string[]): string {
  const entries = numberAt(facts, '/proc/sys/net/core/rps_sock_flow_entries')
  if (isUnseen(entries)) return 'RFS not visible'
  return `RFS ${entries > 0 && receive.some((queue) => Number(text(facts, `${queue}/rps_flow_cnt`)) > 0) ? 'on' : 'off'}`
}

function stateOf(masks: readonly string[]): string {
  if (masks.length === 0 || masks.every((mask) => mask === '')) return 'not visible'
  return masks.some(isMask) ? 'on' : 'off'
}

/** On how many CPUs its interrupts may be served, where the device lists them. */
function interrupts(facts: Facts, name: string): string {
  const own = ['device/msi_irqs', 'device/../msi_irqs'].map((folder) => facts.list(`${net}/${name}/${folder}`)).find((list) => !isUnseen(list))
  if (own === undefined || isUnseen(own) || own.length === 0) return 'its IRQs not visible'
  const places = new Set(own.map((irq) => text(facts, `/proc/irq/${irq}/effective_affinity_list`)).filter((place) => place !== ''))
  return places.size === 0 ? `${many(own.length, 'IRQ')}, where is not visible` : `${many(own.length, 'IRQ')} on CPU ${[...places].sort().join(' and ')}`
}

/** `0`, `00000000,00000000`: no CPU is in it. */
function isMask(mask: string): boolean {
  return /[1-9a-f]/.test(mask)
}

/** Empty where it cannot be read. */
function text({ read }: Facts, path: string): string {
  const found = read(path)
  return isUnseen(found) ? '' : found.trim()
}
