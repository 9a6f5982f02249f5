/**
 * The crossing of datagrams: one call from the addon for all of a turn that go through JS. It fans them out to filters and handlers, a
 * batch for each node and direction; what they decide is written into the rows.
 */
import { BatchMemory } from './batch-memory.ts'
import type { BatchMemoryOptions } from './batch-memory.ts'
import { RowBatch, RowFilterBatch } from './batch.ts'
import type { CompiledNode } from './compile.ts'
import type { CrossingPlan } from './crossing.ts'
import { misuse } from './errors.ts'
import { Direction, RowField, rowInts, RowVerdict } from './native.ts'
import type { Session } from './session.ts'

export type DatagramCrossingOptions = Omit<BatchMemoryOptions, 'listeners'> & {
  readonly plans: readonly CrossingPlan[]
  readonly onError: (error: unknown, session: Session | undefined) => void
}

/** Makes the function that the addon calls with the number of rows. It never throws. */
export function createDatagramCrossing(options: DatagramCrossingOptions): (count: number) => void {
  const { plans, onError } = options
  const memory = new BatchMemory({ ...options, listeners: (plan) => plans[plan]?.listeners ?? [] })
  const { rows } = memory
  /** The rows that the next handler sees. */
  const order = new Int32Array(rows.length / rowInts)

  const sinkBatch = (first: number, end: number): RowBatch => new RowBatch(memory, order, first, end)
  const filterBatch = (first: number, end: number): RowFilterBatch => new RowFilterBatch(memory, order, first, end)

  /** Has a handler see the first `count` rows of `order`; where it throws, it goes on behind the datagram that it threw at. */
  const call = <B extends RowBatch>(part: string, handler: (batch: B) => unknown, batchOf: (first: number, end: number) => B, count: number): void => {
    for (let first = 0; first < count; ) {
      const batch = batchOf(first, count)
      memory.beginCall(order, first, count)
      let next = count
      try {
        checkAnswer(part, handler(batch), onError)
      } catch (error) {
        const place = Math.max(batch.place, first)
        if (place < count) memory.setVerdict(order[place] ?? 0, RowVerdict.drop)
        next = place + 1
        onError(error, undefined)
      }
      batch.finish()
      memory.endCall()
      first = next
    }
  }

  /** Puts the rows of `order` together that go on after a filter; returns how many. */
  const keepLive = (count: number): number => {
    let live = 0
    for (let i = 0; i < count; i++) {
      const row = order[i] ?? 0
      const verdict = memory.verdictAt(row)
      if (verdict !== RowVerdict.drop && verdict !== RowVerdict.answered) order[live++] = row
    }
    return live
  }

  const runNode = (node: CompiledNode, direction: number, first: number, end: number): void => {
    const filters = direction === Direction.toUpstream ? node.filtersToUpstream : node.filtersToDownstream
    let count = end - first
    for (let i = 0; i < count; i++) order[i] = first + i
    for (const filter of filters) {
      call('filterDatagrams', filter, filterBatch, count)
      count = keepLive(count)
    }
    if (node.datagrams !== undefined) {
      call('datagrams', node.datagrams, sinkBatch, count)
      memory.endHere(order, count)
    }
    memory.settle()
  }

  return (count) => {
    memory.begin(count)
    for (let first = 0; first < count; ) {
      const [node, planAndDirection] = [rows[first * rowInts + RowField.node], rows[first * rowInts + RowField.planAndDirection] ?? 0]
      let end = first + 1
      while (end < count && rows[end * rowInts + RowField.node] === node && rows[end * rowInts + RowField.planAndDirection] === planAndDirection) end++
      const known = plans[planAndDirection >> 1]?.compiled.nodes[node ?? 0]
      if (known !== undefined) runNode(known, planAndDirection & 1, first, end)
      first = end
    }
  }
}

/** A handler answers by what it does to the batch, so a promise means that it is still to come, when the batch is over. */
function checkAnswer(part: string, answer: unknown, onError: DatagramCrossingOptions['onError']): void {
  if (!(answer instanceof Promise)) return
  onError(misuse('ERR_MILLRACE_BAD_VERDICT', part, 'a handler must answer at once, but this one is async: its batch is over when it returns'), undefined)
  answer.catch((error: unknown) => onError(error, undefined))
}
