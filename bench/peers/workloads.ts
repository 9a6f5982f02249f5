/** What bench:peers measures: for each workload the load, the server behind the relay, and who is measured. */

/** `handler` is our echo in TypeScript; `c` an echo with recvmmsg and sendmmsg. */
export type SubjectName = 'ours' | 'handler' | 'haproxy' | 'nginx' | 'socat' | 'coturn' | 'c' | 'node'
export type Role = 'tcp' | 'udp' | 'echo' | 'stun'

export type Workload = {
  readonly name: string
  readonly role: Role
  readonly title: string
  readonly unit: string
  readonly better: 'more' | 'less'
  readonly costUnit?: string
  /** So many units of `unit` are one that the load counts, and of `costUnit`. */
  readonly scale: number
  readonly costScale: number
  /** The mode of the load, and what follows its port: see load/main.c. */
  readonly load: { readonly mode: string; readonly args: readonly number[] }
  readonly upstream?: 'sink' | 'echo' | 'udp-echo' | 'udp-echo-trains'
  readonly subjects: readonly SubjectName[]
  /** Who cannot do it, and why. */
  readonly without?: Readonly<Partial<Record<SubjectName, string>>>
}

const perRequest = { unit: 'req/s', better: 'more', costUnit: 'CPU µs/request', scale: 1, costScale: 1e6 } as const
const perByte = { unit: 'GB/s', better: 'more', costUnit: 'CPU s/GB', scale: 1e-9, costScale: 1e9 } as const
const perDatagram = { unit: 'Mpps', better: 'more', costUnit: 'CPU µs/datagram', scale: 1e-6, costScale: 1e6 } as const
const tcp = { role: 'tcp', subjects: ['ours', 'haproxy', 'nginx', 'socat', 'node'] } as const
const udp = { role: 'udp', subjects: ['ours', 'nginx', 'socat', 'node'], ...perDatagram } as const
const echo = { role: 'echo', subjects: ['ours', 'handler', 'c', 'node'], ...perDatagram } as const
const stun = { role: 'stun', subjects: ['ours', 'coturn'], ...perDatagram } as const
/** More than some hundred processes would measure the machine's memory. */
const without = { socat: 'it has a process for each connection or flow' } as const

export const idleConnections = 4_000

export const workloads: readonly Workload[] = [
  { name: 'tcp.bulk1', title: 'bulk, 1 connection', ...tcp, ...perByte, load: { mode: 'bulk', args: [1] }, upstream: 'sink' },
  { name: 'tcp.bulk16', title: 'bulk, 16 connections', ...tcp, ...perByte, load: { mode: 'bulk', args: [16] }, upstream: 'sink' },
  { name: 'tcp.rr1', title: '64 B requests, 1 connection', ...tcp, ...perRequest, load: { mode: 'requests', args: [1, 64] }, upstream: 'echo' },
  { name: 'tcp.rr100', title: '64 B requests, 100 connections', ...tcp, ...perRequest, load: { mode: 'requests', args: [100, 64] }, upstream: 'echo' },
  { name: 'tcp.rr1000', title: '1 KiB requests, 1,000 connections', ...tcp, ...perRequest, load: { mode: 'requests', args: [1000, 1024] }, upstream: 'echo', without },
  { name: 'tcp.crr', title: 'connect, request, reset', ...tcp, ...perRequest, unit: 'conn/s', costUnit: 'CPU µs/connection', load: { mode: 'churn', args: [64] }, upstream: 'echo' },
  { name: 'tcp.idle', title: 'memory of an idle connection', ...tcp, unit: 'B/connection', better: 'less', scale: 1, costScale: 0, load: { mode: 'hold', args: [idleConnections] }, upstream: 'echo', without },
  { name: 'udp.flows1', title: '1 flow of 64 × 800 B', ...udp, load: { mode: 'plain', args: [1, 800, 64] }, upstream: 'udp-echo' },
  { name: 'udp.flows16', title: '16 flows of 64 × 800 B', ...udp, load: { mode: 'plain', args: [16, 800, 64] }, upstream: 'udp-echo' },
  { name: 'udp.flows200', title: '200 flows of 8 × 800 B', ...udp, load: { mode: 'plain', args: [200, 800, 8] }, upstream: 'udp-echo' },
  { name: 'udp.flows2000', title: '2,000 flows of 1 × 800 B', ...udp, load: { mode: 'plain', args: [2000, 800, 1] }, upstream: 'udp-echo', without },
  { name: 'udp.gso16', title: '16 flows, sent as trains (GSO)', ...udp, load: { mode: 'trains', args: [16, 800, 64] }, upstream: 'udp-echo-trains' },
  { name: 'echo.flows1', title: '1 flow of 64 × 800 B', ...echo, load: { mode: 'plain', args: [1, 800, 64] } },
  { name: 'echo.flows16', title: '16 flows of 64 × 800 B', ...echo, load: { mode: 'plain', args: [16, 800, 64] } },
  { name: 'echo.gso16', title: '16 flows, sent as trains (GSO)', ...echo, load: { mode: 'trains', args: [16, 800, 64] } },
  { name: 'stun.clients1', title: '1 client, 64 open requests', ...stun, load: { mode: 'stun', args: [1, 20, 64] } },
  { name: 'stun.clients200', title: '200 clients, 4 open requests each', ...stun, load: { mode: 'stun', args: [200, 20, 4] } },
]
