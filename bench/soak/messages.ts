/** Small messages one at a time at a fixed rate: their latency while everything else goes on, and without and beside bulk. */
import { numberAt, start } from '../programs.ts'
import type { Program } from '../programs.ts'
import type { Round } from '../results.ts'

export const messageBytes = 64
const connections = 8
const perSecond = 1_000
const elephants = 2

/** `under`: what runs the client, such as `chrt --fifo 1`. */
type How = { readonly warmSeconds?: number; readonly under?: readonly string[] }

/** A round; `value` is the p99 in µs. */
export async function messages(load: string, port: number, seconds: number, { warmSeconds = 0.2, under = [] }: How = {}): Promise<Round> {
  const client = start([load, 'paced', ...[warmSeconds, seconds, port, connections, messageBytes, perSecond].map(String)], under)
  try {
    const summary = await client.line('summary')
    const [p50Us, p99Us, p999Us, failed] = ['p50Us', 'p99Us', 'p999Us', 'failed'].map((name) => numberAt(summary, name))
    return { value: p99Us ?? 0, ...(p50Us === undefined || p99Us === undefined || p999Us === undefined ? {} : { p50Us, p99Us, p999Us }), ...(failed === 0 || failed === undefined ? {} : { failed }) }
  } finally {
    await client.kill()
  }
}

/** The same while two connections carry as much as they can. */
export async function messagesBesideBulk(load: string, ports: { readonly echo: number; readonly sink: number }, seconds: number, how: How = {}): Promise<Round> {
  const bulk: Program = start([load, 'bulk', '0.3', String(seconds + 30), String(ports.sink), String(elephants)])
  try {
    await bulk.line('started')
    return await messages(load, ports.echo, seconds, how)
  } finally {
    await bulk.kill()
  }
}
