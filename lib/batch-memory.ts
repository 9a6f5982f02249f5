/**
 * What the addon and `lib` share about the datagrams of one crossing: their rows, the replies to them, the arena that the received bytes
 * lie in and `out` for bytes made here. The layout is that of `native.ts`. In steady state nothing is allocated here.
 */
import { addressText } from './address.ts'
import { DebugCopies } from './debug-copies.ts'
import { misuse } from './errors.ts'
import { flowId, ReplyArea, ReplyField, replyInts, RowField, rowInts, RowVerdict } from './native.ts'
import type { NativeDatagrams, NativeRelay } from './native.ts'
import { shown } from './options.ts'
import { maxDatagramBytes } from './plan.ts'
import { ViewCache } from './view-cache.ts'

export type BatchMemoryOptions = Omit<NativeDatagrams, 'onBatch'> & {
  readonly relay: () => Pick<NativeRelay, 'keepDatagram'>
  readonly idOf: (native: number) => number
  /** What the listeners of a plan are called, by the places of their endpoints. */
  readonly listeners: (plan: number) => readonly string[]
  readonly debug: boolean
}

/** Where the bytes of a row are that the next handler sees. */
const Content = { arena: 0, out: 1, late: 2 } as const

export class BatchMemory {
  readonly rows: Int32Array
  private readonly options: BatchMemoryOptions
  private readonly addresses: Uint8Array
  private readonly replies: Int32Array
  private readonly maxReplies: number
  private readonly arena: ViewCache
  private readonly out: ViewCache
  /** A member of `Content` a row. */
  private readonly content: Uint8Array
  /** Replaced bytes that `out` had no room for. */
  private readonly late = new Map<number, Buffer>()
  private readonly debug: DebugCopies | undefined
  /** The peers of flows by their index, and the generation that each is of. */
  private readonly peers: string[] = []
  private readonly peerGenerations: number[] = []
  private used = 0
  private replyCount = 0
  /** Replies are handed over by `keepDatagram` from here on, so that they keep their order. */
  private keeping = false

  constructor(options: BatchMemoryOptions) {
    this.options = options
    this.rows = new Int32Array(options.rows)
    this.addresses = new Uint8Array(options.rows)
    this.replies = new Int32Array(options.replies)
    this.maxReplies = this.replies.length / replyInts - 1
    const maxRows = this.rows.length / rowInts
    this.arena = new ViewCache(options.arena, maxRows)
    this.out = new ViewCache(options.out, maxRows)
    this.content = new Uint8Array(maxRows)
    this.debug = options.debug ? new DebugCopies() : undefined
  }

  /** A crossing of so many rows begins. */
  begin(count: number): void {
    this.used = 0
    this.replyCount = 0
    this.keeping = false
    this.content.fill(Content.arena, 0, count)
  }

  /** A handler is called with these rows. */
  beginCall(order: Int32Array, first: number, end: number): void {
    this.debug?.begin(order.subarray(first, end), (row) => this.own(row))
  }

  /** It has returned or thrown. */
  endCall(): void {
    this.debug?.end((row) => this.own(row))
  }

  bytesAt(row: number): Buffer {
    return this.debug === undefined ? this.own(row) : (this.debug.at(row) ?? this.own(row))
  }

  lengthAt(row: number): number {
    const content = this.content[row]
    if (content === Content.arena) return this.field(row, RowField.length)
    return content === Content.out ? this.field(row, RowField.outLength) : (this.late.get(row)?.length ?? 0)
  }

  peerAt(row: number): string {
    const index = this.field(row, RowField.flowIndex)
    const generation = this.field(row, RowField.flowGeneration)
    const known = this.peers[index]
    if (known !== undefined && this.peerGenerations[index] === generation) return known
    this.peerGenerations[index] = generation
    return (this.peers[index] = addressText(this.addresses, (row * rowInts + RowField.peer) * 4, undefined) ?? '')
  }

  flowAt(row: number): number {
    return this.options.idOf(flowId(this.field(row, RowField.flowIndex), this.field(row, RowField.flowGeneration)))
  }

  listenerAt(row: number): string {
    return this.options.listeners(this.field(row, RowField.planAndDirection) >> 1)[this.field(row, RowField.endpoint)] ?? ''
  }

  verdictAt(row: number): number {
    return this.field(row, RowField.verdict)
  }

  setVerdict(row: number, verdict: number): void {
    this.rows[row * rowInts + RowField.verdict] = verdict
  }

  /** Sends bytes back to where the row came from: its own without a copy, others by way of `out`. */
  reply(row: number, bytes: Uint8Array | string): void {
    if (typeof bytes === 'string') return this.replyText(row, bytes)
    this.check('reply', bytes)
    const place = this.placeOf(row, bytes)
    if (place >= 0 && !this.keeping && this.replyCount < this.maxReplies) {
      this.writeReply(row, place, bytes.length, this.content[row] === Content.arena ? ReplyArea.arena : ReplyArea.out)
    } else if (this.hasRoom(bytes.length)) {
      this.writeReply(row, this.append(bytes), bytes.length, ReplyArea.out)
    } else {
      this.keepReply(row, bytes)
    }
  }

  /** Has other bytes go on instead of a row's own. */
  replace(row: number, given: Uint8Array | string): void {
    const bytes = typeof given === 'string' ? Buffer.from(given) : given
    this.check('replace', bytes)
    this.debug?.forget(row)
    if (this.used + bytes.length <= this.out.bytes.length) {
      this.rows[row * rowInts + RowField.outLength] = bytes.length
      this.rows[row * rowInts + RowField.outOffset] = this.append(bytes)
      this.content[row] = Content.out
      this.setVerdict(row, RowVerdict.replaced)
    } else {
      this.late.set(row, Buffer.from(bytes))
      this.content[row] = Content.late
      this.setVerdict(row, RowVerdict.replacedLate)
    }
  }

  /** These rows have reached their sink, so that what replaced them on the way goes no further. */
  endHere(order: Int32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = order[i] ?? 0
      const verdict = this.verdictAt(row)
      if (verdict === RowVerdict.replaced || verdict === RowVerdict.replacedLate) this.setVerdict(row, RowVerdict.pass)
    }
  }

  /** Everything about the rows of a node is decided: hands over what replaced some and had no room. */
  settle(): void {
    if (this.late.size === 0) return
    for (const [row, bytes] of this.late) {
      if (this.verdictAt(row) === RowVerdict.replacedLate) this.options.relay().keepDatagram(row, false, bytes)
    }
    this.late.clear()
  }

  private field(row: number, name: number): number {
    return this.rows[row * rowInts + name] ?? 0
  }

  /** The bytes themselves, of which handlers see a copy in debug mode. */
  private own(row: number): Buffer {
    const content = this.content[row]
    if (content === Content.arena) return this.arena.at(row, this.field(row, RowField.offset), this.field(row, RowField.length))
    const late = content === Content.late ? this.late.get(row) : undefined
    return late ?? this.out.at(row, this.field(row, RowField.outOffset), this.field(row, RowField.outLength))
  }

  /** Where bytes lie in the memory of the row's own, as they do where a handler replies with what it was shown; -1 where they do not. */
  private placeOf(row: number, bytes: Uint8Array): number {
    const content = this.content[row]
    if (content === Content.arena) return this.arena.placeOf(row, this.field(row, RowField.offset), this.field(row, RowField.length), bytes)
    return content === Content.out ? this.out.placeOf(row, this.field(row, RowField.outOffset), this.field(row, RowField.outLength), bytes) : -1
  }

  private check(what: string, bytes: unknown): void {
    if (!(bytes instanceof Uint8Array)) throw misuse('ERR_MILLRACE_BAD_VERDICT', what, `expected a Uint8Array or a string, not ${shown(bytes)}`)
    if (bytes.length > maxDatagramBytes) {
      throw misuse('ERR_MILLRACE_BAD_VERDICT', what, `${bytes.length} bytes do not fit into a datagram: at most ${maxDatagramBytes}`)
    }
    if (this.debug?.wasKept(bytes) === true) throw misuse('ERR_MILLRACE_BAD_VERDICT', what, 'these bytes were kept after their handler had returned')
  }

  private hasRoom(length: number): boolean {
    return !this.keeping && this.replyCount < this.maxReplies && this.used + length <= this.out.bytes.length
  }

  /** Copies into `out`, where there is room; returns where to. */
  private append(bytes: Uint8Array): number {
    const at = this.used
    this.out.bytes.set(bytes, at)
    this.used += bytes.length
    return at
  }

  private replyText(row: number, text: string): void {
    const most = 3 * text.length // UTF-8 has at most 3 bytes for a UTF-16 unit
    if (most > maxDatagramBytes || !this.hasRoom(most)) return this.reply(row, Buffer.from(text))
    const at = this.used
    const length = this.out.bytes.write(text, at)
    this.used += length
    this.writeReply(row, at, length, ReplyArea.out)
  }

  private writeReply(row: number, offset: number, length: number, area: number): void {
    const { replies } = this
    const at = ++this.replyCount * replyInts // the first row is the count
    replies[at + ReplyField.row] = row
    replies[at + ReplyField.offset] = offset
    replies[at + ReplyField.length] = length
    replies[at + ReplyField.area] = area
    replies[0] = this.replyCount
  }

  private keepReply(row: number, bytes: Uint8Array): void {
    this.keeping = true
    this.options.relay().keepDatagram(row, true, bytes)
  }
}
