/**
 * Random histories of a relay for datagrams, played against the relay and against a model of it at the same time: what each peer must
 * get, in which order, and what the ledger must say. What becomes of a datagram stands in its first word.
 *
 * A flow may expire when nobody meant it to, on a machine that is busy with something else; an answer that is then on its way goes to a
 * port that is closed. The history is `exact` where that has not happened.
 */
import fc from 'fast-check'
import { filterDatagrams, forward, idleTimeout, listen as from, pipe, udp, type FilterBatch, type Pipeline } from '../../lib/index.ts'
import type { Counts } from './datagram-ledger.ts'
import type { UdpPeer } from './udp-peers.ts'

export const idleMs = 250
export const clients = 4

const verdicts = ['pass', 'drop', 'reply', 'replace', 'throw'] as const
export type Verdict = (typeof verdicts)[number]

export type Step =
  /** A client sends, all at once. */
  | { readonly do: 'send'; readonly client: number; readonly verdicts: readonly Verdict[] }
  /** The upstream sends to a client, all at once. */
  | { readonly do: 'answer'; readonly client: number; readonly verdicts: readonly Verdict[] }
  /** The relay's thread is busy with something else, where that is this one. */
  | { readonly do: 'stall'; readonly ms: number }
  /** Everybody is silent until all flows have expired. */
  | { readonly do: 'expire' }

/** With handlers or without: then everything passes. */
export function histories(withHandlers: boolean): fc.Arbitrary<readonly Step[]> {
  const client = fc.nat({ max: clients - 1 })
  const some = fc.array(withHandlers ? fc.constantFrom(...verdicts) : fc.constant<Verdict>('pass'), { minLength: 1, maxLength: 20 })
  return fc.array(fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('send' as const), client, verdicts: some }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const), client, verdicts: some }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('stall' as const), ms: fc.integer({ min: 1, max: 20 }) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  ), { minLength: 1, maxLength: 30 })
}

export const replacement = (text: string): string => `instead of ${text}`
export const reply = (text: string): string => `back: ${text}`

const obey = (batch: FilterBatch): undefined => {
  for (const datagram of batch) {
    const text = datagram.bytes.toString()
    if (text.startsWith('drop')) batch.drop(datagram)
    if (text.startsWith('reply')) batch.reply(datagram, reply(text))
    if (text.startsWith('replace')) batch.replace(datagram, replacement(text))
    if (text.startsWith('throw')) throw new Error(text)
  }
}

export function modelled(upstream: UdpPeer, withHandlers: boolean): Pipeline<'datagram'> {
  const source = from(udp('127.0.0.1:0'))
  const sink = forward(udp(upstream.address))
  return withHandlers ? pipe(source, idleTimeout(idleMs), filterDatagrams({ toUpstream: obey, toDownstream: obey }), sink) : pipe(source, idleTimeout(idleMs), sink)
}

/** What must be: everything that each has to get, and the ledger of both directions. */
export type Model = {
  readonly clientGets: readonly string[][]
  readonly upstreamGets: readonly string[][]
  readonly toUpstream: { received: number; produced: number; sent: number; consumed: number; handler: number }
  readonly toDownstream: { received: number; produced: number; sent: number; consumed: number; handler: number }
  errors: number
}

export function emptyModel(): Model {
  const counts = () => ({ received: 0, produced: 0, sent: 0, consumed: 0, handler: 0 })
  const lists = () => Array.from({ length: clients }, (): string[] => [])
  return { clientGets: lists(), upstreamGets: lists(), toUpstream: counts(), toDownstream: counts(), errors: 0 }
}

/** What becomes of one datagram of a client, or of the upstream for it. */
export function account(model: Model, direction: 'toUpstream' | 'toDownstream', client: number, text: string): void {
  const [there, back] = direction === 'toUpstream' ? [model.toUpstream, model.toDownstream] : [model.toDownstream, model.toUpstream]
  const [ahead, behind] = direction === 'toUpstream' ? [model.upstreamGets[client], model.clientGets[client]] : [model.clientGets[client], model.upstreamGets[client]]
  there.received++
  if (text.startsWith('drop') || text.startsWith('throw')) there.handler++
  if (text.startsWith('throw')) model.errors++
  if (text.startsWith('reply')) {
    there.consumed++
    back.produced++
    back.sent++
    behind?.push(reply(text))
  }
  if (text.startsWith('replace')) {
    there.consumed++
    there.produced++
    there.sent++
    ahead?.push(replacement(text))
  }
  if (text.startsWith('pass')) {
    there.sent++
    ahead?.push(text)
  }
}

export function asCounts({ received, produced, sent, consumed, handler }: Model['toUpstream']): Counts {
  return { received, produced, sent, consumed, dropped: handler === 0 ? {} : { handler } }
}
