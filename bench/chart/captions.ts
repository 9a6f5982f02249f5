/** The names of who is measured, and the sentences without which a figure says nothing. */
import type { Result, WorkloadResult } from '../results.ts'

const names: Readonly<Record<string, string>> = { ours: 'millrace', handler: 'millrace, TS', haproxy: 'HAProxy', c: 'plain C', node: 'Node' }

export const nameOf = (subject: string): string => names[subject] ?? subject

/** The groups of workloads, by the first word of their names. */
export const kinds: readonly (readonly [kind: string, title: string])[] = [
  ['tcp', 'TCP, through a relay'],
  ['udp', 'UDP, through a relay to an echo and back'],
  ['echo', 'UDP, an echo alone'],
  ['stun', 'STUN binding requests'],
]

export function ofKind({ workloads }: Result, kind: string): readonly WorkloadResult[] {
  return workloads.filter(({ name }) => name.startsWith(`${kind}.`))
}

/** What was done. */
export function method({ options: { rounds = '', secs = '' } }: Result): readonly string[] {
  const times = rounds === 1 ? `One round of ${secs} s` : `Medians of ${rounds} rounds of ${secs} s, in turn`
  return [`${times}, over loopback; load and servers share the cores with the relay.`, 'Each relay has one loop or thread; socat has a process for each connection.']
}

/** When and where. */
export function machine({ environment: { date, cores, cpu, memoryGiB, kernel, congestion, node, commit } }: Result): string {
  const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`))
  return `${day}, ${cores} cores of ${cpu}, ${memoryGiB} GiB, Linux ${kernel} with ${congestion} for TCP, Node ${node.slice(1)}, commit ${commit}.`
}

/** Beside whom. Node is part of the machine. */
export function versions({ versions: all }: Result): string {
  const beside = Object.entries(all).filter(([name]) => name !== 'node').map(([name, version]) => `${nameOf(name)} ${version}`)
  return beside.length === 0 ? '' : `Beside ${beside.join(', ')}.`
}

/** Who is not there, and why: a sentence for each reason; none where everyone is. */
export function omissions({ leftOut, workloads }: Result): readonly string[] {
  const reasons = new Map<string, string[]>()
  for (const [what, why] of Object.entries(leftOut)) {
    const [first = '', second] = what.split(' ')
    // `nginx`, or `tcp.rr1 nginx` where it is left out of a workload.
    const [subject, titles] = second === undefined ? [first, []] : [second, workloads.filter(({ name }) => name === first).map(({ title }) => title)]
    const key = `${nameOf(subject)}: ${why}`
    reasons.set(key, [...(reasons.get(key) ?? []), ...titles])
  }
  return [...reasons].map(([reason, titles]) => `Left out${titles.length === 0 ? '' : ` of ${titles.map((title) => `“${title}”`).join(', ')}`} is ${reason}.`)
}
