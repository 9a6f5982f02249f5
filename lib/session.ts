/** A session as handlers see it. */
import { misuse } from './errors.ts'
import type { StreamHandlers } from './handlers.ts'
import { Direction, EndHow } from './native.ts'
import type { NativeRelay } from './native.ts'
import { checkBytes } from './options.ts'
import type { ProxyInfo } from './proxy-info.ts'

/** One accepted stream, the same object in all handlers that see it. */
export type Session = {
  /** Unique in its server; that of the events and of `server.sessions()`. */
  readonly id: number
  /** Who came: `127.0.0.1:5555`, `[::1]:5555`, `unix:/path`. */
  readonly downstream: string
  /** Where it came to. */
  readonly listener: string
  /** Where it went; undefined until connected and for sinks without an upstream. */
  readonly upstream: string | undefined
  /** What a proxy has said of it, where `proxyProtocol` stands before and has read whom it speaks for. */
  readonly proxy: ProxyInfo | undefined
  /** For what handlers want to remember about the session; modules that do not know each other use symbols as keys. */
  readonly state: Map<unknown, unknown>
  /** Ends the session cleanly, after pending bytes, with the reason `closedByHandler`. */
  close(): void
  /** Ends the session with RST, at once, with the reason `resetByHandler`. */
  reset(): void
}

/** A session whose other end is a `stream` sink. */
export type StreamSession = Session & {
  /**
   * Sends bytes, or the UTF-8 of a text, to the downstream. Returns true when the writer should wait: more is pending than the
   * high-water mark, and `drain` will be called; nothing is lost by going on, but pending bytes grow up to `maxPendingBytes`.
   * Also true once the session is over, which `close` tells. Throws ERR_MILLRACE_WRITE_AFTER_END and ERR_MILLRACE_BAD_OPTION.
   */
  write(bytes: Uint8Array | string): boolean
  /** Sends FIN after all that was written, and maybe last bytes before it; what the downstream sends still comes. */
  end(bytes?: Uint8Array | string): void
  /** Stops reading from the downstream, until `resume()`. */
  pause(): void
  resume(): void
  /** Bytes written and not yet taken by the kernel. */
  readonly pendingBytes: number
}

/** What a session does to the addon. */
export type SessionLink = Pick<NativeRelay, 'endSession' | 'write' | 'endWrite' | 'pause' | 'resume'>

/** What a `stream` sink adds to a session: its handlers, its mark, and the transforms that its writes go through. */
export type StreamEnd = {
  readonly handlers: StreamHandlers
  readonly highWaterBytes: number
  readonly encode: (bytes: Uint8Array, session: Session) => Uint8Array | null
}

const nothing = new Uint8Array(0)

/** The one implementation of both; `native` is the addon's id of it. */
export class RelaySession implements StreamSession {
  readonly id: number
  readonly native: number
  readonly downstream: string
  readonly listener: string
  upstream: string | undefined
  proxy: ProxyInfo | undefined
  /** What the close event will say. */
  message: string | undefined
  /** A decision that is awaited. */
  pending: AbortController | undefined
  stream: StreamEnd | undefined
  /** Nothing may be done to it any more. */
  over = false
  private readonly link: SessionLink
  private ended = false
  private remembered: Map<unknown, unknown> | undefined

  constructor(link: SessionLink, native: number, id: number, downstream: string, listener: string, upstream: string | undefined) {
    this.link = link
    this.native = native
    this.id = id
    this.downstream = downstream
    this.listener = listener
    this.upstream = upstream
  }

  get state(): Map<unknown, unknown> {
    return (this.remembered ??= new Map())
  }

  close(): void {
    this.finish(EndHow.close)
  }

  reset(): void {
    this.finish(EndHow.reset)
  }

  /** Ends it in one of the ways of `EndHow`, unless it is over. */
  finish(how: number, reply?: Uint8Array): void {
    if (this.over) return
    this.over = true
    this.link.endSession(this.native, how, reply)
    this.abandon()
  }

  /** A decision that is still awaited counts for nothing from now on. */
  abandon(): void {
    const { pending } = this
    this.pending = undefined
    pending?.abort()
  }

  write(bytes: Uint8Array | string): boolean {
    if (this.over || this.stream === undefined) return true
    if (this.ended) throw misuse('ERR_MILLRACE_WRITE_AFTER_END', 'stream', 'write after end()')
    const encoded = this.stream.encode(checkBytes('stream', 'what is written', bytes), this)
    const pending = this.link.write(this.native, Direction.toDownstream, encoded ?? nothing)
    return pending < 0 || pending > this.stream.highWaterBytes
  }

  end(bytes?: Uint8Array | string): void {
    if (bytes !== undefined) this.write(bytes)
    if (this.over || this.ended) return
    this.ended = true
    this.link.endWrite(this.native)
  }

  pause(): void {
    if (!this.over) this.link.pause(this.native)
  }

  resume(): void {
    if (!this.over) this.link.resume(this.native)
  }

  get pendingBytes(): number {
    return this.over || this.stream === undefined ? 0 : Math.max(0, this.link.write(this.native, Direction.toDownstream, nothing))
  }
}
