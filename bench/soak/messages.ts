/** Small messages one at a time at a fixed rate: their latency while everything else goes on, and without and beside bulk. */
import { numberAt, start } from '../programs.ts'
import type { Program } from '../programs.ts'
import type { Round } from '../results.ts'

export const messageBytes = 64
const connections = 8
const perSecond = 1_000
const elephants = 2

/** `under`: what runs the client, such as `chrt -f 1`. */
type How = { readonly warmSeconds?: number; readonly under?: readonly string[] }

/** A round; `value` is the p99 in µs. */
export async function messages(load: string, port: number, seconds: number, { warmSeconds = 0.2, under = [] }: How = {}): Promise<Round> {
  const client = start([load, 'paced', ...[warmSeconds, seconds, port, connections, messageBytes, perSecond].map(String)], under)
  try {
    const summary = await client.line('summary')
    const [p50Us, p99Us, p999Us] = [numberAt(summary, 'p50Us'), numberAt(summary, 'p99Us'), numberAt(summary, 'p999Us')]
    const answeredPercent = (100 * numberAt(summary, 'done')) / (perSecond * seconds)
    return { value: p99Us, p50Us, p99Us, p999Us, failed: numberAt(summary, 'failed'), answeredPercent }
  } finally {
    await client.kill()
  }
}

/** The same while two connections carry as much as they can; `bulkBytes` tells how much that is so far. */
export async function messagesBesideBulk(load: string, ports: { readonly echo: number; readonly sink: number }, seconds: number, { bulkBytes, ...how }: How & { readonly bulkBytes: () => Promise<number> }): Promise<Round> {
  const bulk: Program = start([load, 'bulk', '0.3', String(seconds + 30), String(ports.sink), String(elephants)])
  try {
    await bulk.line('started')
    const [bytes, begun] = [await bulkBytes(), performance.now()]
    const round = await messages(load, ports.echo, seconds, how)
    return { ...round, bulkBytesPerSecond: (1000 * ((await bulkBytes()) - bytes)) / (performance.now() - begun) }
  } finally {
    await bulk.kill()
  }
}
