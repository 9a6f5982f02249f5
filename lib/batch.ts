/**
 * A batch of datagrams as handlers see it. There is one cursor for all datagrams of a batch and one batch object for each call, so that
 * nothing is allocated for a datagram. What both read and write is in `batch-memory.ts`.
 */
import type { BatchMemory } from './batch-memory.ts'
import { misuse } from './errors.ts'
import { RowVerdict } from './native.ts'
import { shown } from './options.ts'

/** One datagram of a batch: the same object for all of them, which shows the next one at every step of the loop. */
export type Datagram = {
  /** Its bytes, 0 to 65507. They are valid until the handler returns, and may be changed in place. */
  readonly bytes: Buffer
  /** How many bytes they are. */
  readonly length: number
  /** The downstream of its flow, as in events: `127.0.0.1:5555`. In both directions. */
  readonly peer: string
  /** The id of its flow, as in events and in `sessions()`. */
  readonly flow: number
  /** Where the flow came to, as in events: `127.0.0.1:7890`. */
  readonly listener: string
}

/** The datagrams that one turn has brought to a `datagrams` sink, in the order in which they came. */
export type DatagramBatch = Iterable<Datagram> & {
  /** How many there are. */
  readonly length: number
  /**
   * Sends a datagram of 0 to 65507 bytes, or the UTF-8 of a text, to where this one came from; any number of times. The datagram's own bytes,
   * or a part of them, are sent without a copy, as they are when the handler returns. Throws ERR_MILLRACE_BAD_VERDICT for more bytes,
   * and for a datagram that the batch does not stand at.
   */
  reply(datagram: Datagram, bytes: Uint8Array | string): void
}

/** The datagrams that one turn has brought to a filter. Without a verdict they go on; the last verdict of a datagram counts. */
export type FilterBatch = DatagramBatch & {
  /** Lets the datagram go no further; counted as dropped by a `handler`. Throws ERR_MILLRACE_BAD_VERDICT. */
  drop(datagram: Datagram): void
  /** Lets other bytes go on in its place, 0 to 65507 of them or the UTF-8 of a text. Throws ERR_MILLRACE_BAD_VERDICT. */
  replace(datagram: Datagram, bytes: Uint8Array | string): void
  /** Answers it: sends bytes to where it came from, as for `DatagramBatch`, and lets it go no further. Throws ERR_MILLRACE_BAD_VERDICT. */
  reply(datagram: Datagram, bytes: Uint8Array | string): void
}

/** What a cursor says that stands at no datagram. */
function nowhere(what: string): Error {
  return misuse('ERR_MILLRACE_BAD_VERDICT', what, 'this datagram is over: it shows what it has until the loop goes on or the handler returns')
}

/** The one object of a batch that is every datagram in turn. */
class Cursor implements Datagram {
  /** Where it stands; -1: nowhere. */
  row = -1
  private readonly memory: BatchMemory

  constructor(memory: BatchMemory) {
    this.memory = memory
  }

  get bytes(): Buffer {
    if (this.row < 0) throw nowhere('bytes')
    return this.memory.bytesAt(this.row)
  }

  get length(): number {
    if (this.row < 0) throw nowhere('length')
    return this.memory.lengthAt(this.row)
  }

  get peer(): string {
    if (this.row < 0) throw nowhere('peer')
    return this.memory.peerAt(this.row)
  }

  get flow(): number {
    if (this.row < 0) throw nowhere('flow')
    return this.memory.flowAt(this.row)
  }

  get listener(): string {
    if (this.row < 0) throw nowhere('listener')
    return this.memory.listenerAt(this.row)
  }
}

const ended = { done: true, value: undefined } as const

/** What both batches are: the rows `order[first]` to `order[end - 1]`, and its own iterator. */
export class RowBatch implements DatagramBatch, Iterator<Datagram, undefined> {
  readonly length: number
  protected readonly memory: BatchMemory
  private readonly order: Int32Array
  private readonly first: number
  private readonly cursor: Cursor
  private readonly step: { readonly done: false; readonly value: Datagram }
  private end: number
  /** Where in `order` it stands: `first - 1` before the first datagram, `end` after the last. */
  place: number
  private over = false

  constructor(memory: BatchMemory, order: Int32Array, first: number, end: number) {
    this.memory = memory
    this.order = order
    this.first = first
    this.end = end
    this.place = first - 1
    this.length = end - first
    this.cursor = new Cursor(memory)
    this.step = { done: false, value: this.cursor }
  }

  [Symbol.iterator](): this {
    this.place = this.first - 1
    return this
  }

  next(): IteratorResult<Datagram, undefined> {
    const { cursor } = this
    if (this.place < this.end) this.place++
    if (this.place >= this.end) {
      cursor.row = -1
      return ended
    }
    cursor.row = this.order[this.place] ?? -1
    return this.step
  }

  reply(datagram: Datagram, bytes: Uint8Array | string): void {
    this.memory.reply(this.rowOf('reply', datagram), bytes)
  }

  /** The handler has returned or thrown: nothing can be done with the batch any more. */
  finish(): void {
    this.over = true
    this.cursor.row = -1
    this.end = this.first
  }

  protected rowOf(what: string, datagram: unknown): number {
    const { cursor } = this
    if (datagram === cursor && cursor.row >= 0) return cursor.row
    throw misuse('ERR_MILLRACE_BAD_VERDICT', what, this.whyNot(datagram))
  }

  private whyNot(datagram: unknown): string {
    if (this.over) return 'this batch is over: its datagrams can be answered only until the handler returns'
    if (datagram === this.cursor) return 'the loop over this batch has ended, so it stands at no datagram'
    if (datagram instanceof Cursor) return 'this datagram is of another batch'
    return `expected a datagram of this batch, not ${shown(datagram)}`
  }
}

/** What a filter is given. */
export class RowFilterBatch extends RowBatch implements FilterBatch {
  drop(datagram: Datagram): void {
    this.memory.setVerdict(this.rowOf('drop', datagram), RowVerdict.drop)
  }

  replace(datagram: Datagram, bytes: Uint8Array | string): void {
    this.memory.replace(this.rowOf('replace', datagram), bytes)
  }

  override reply(datagram: Datagram, bytes: Uint8Array | string): void {
    const row = this.rowOf('reply', datagram)
    this.memory.reply(row, bytes)
    this.memory.setVerdict(row, RowVerdict.answered)
  }
}
