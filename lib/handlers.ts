/** The functions that users hand in, and what they may answer. */
import type { DatagramBatch, FilterBatch } from './batch.ts'
import type { CloseEvent } from './events.ts'
import type { Session, StreamSession } from './session.ts'
import type { More, Pass, Reject, Replace } from './verdict.ts'

/** What `inspect` may answer. */
export type InspectVerdict = Pass | More | Replace | Reject

/** What `decide` may answer; `more()` only at once, not from a promise. */
export type DecideVerdict = Pass | Replace | Reject

/** Looks at the head of a session, at once. `head` is valid until it returns. */
export type InspectHandler = (head: Buffer, session: Session) => InspectVerdict

/** Decides on a copy of the head, at once or later. `signal` is aborted when the session ends before. */
export type DecideHandler = (head: Buffer, session: Session, signal: AbortSignal) => DecideVerdict | More | Promise<DecideVerdict>

/** Names the branch for a session by a copy of its head, at once or later; `more()` only at once. */
export type ChooseHandler<Name extends string> = (head: Buffer, session: Session) => Name | More | Reject | Promise<Name | Reject>

/** Sees one chunk, which is valid until it returns. The same chunk goes on without a copy; null or no bytes drop it. */
export type ChunkHandler = (chunk: Buffer, session: Session) => Uint8Array | null

/**
 * Is the other end of datagrams, a batch a call. It returns nothing, so an `async` one is refused. What throws loses the datagram that
 * the batch stood at, and is called again with the rest.
 */
export type DatagramHandler = (batch: DatagramBatch) => undefined

/** Sees the datagrams of one direction, a batch a call; what it says nothing about goes on. Otherwise as a `DatagramHandler`. */
export type DatagramFilter = (batch: FilterBatch) => undefined

/** A TypeScript endpoint. All return nothing; what throws ends its session with `handlerError`. */
export type StreamHandlers = {
  /** The session begins. */
  readonly open?: (session: StreamSession) => undefined
  /** The downstream has sent bytes, which are valid until this returns. */
  readonly data: (session: StreamSession, chunk: Buffer) => undefined
  /** The downstream has sent FIN. Without this handler the session is ended by `session.end()`. */
  readonly end?: (session: StreamSession) => undefined
  /** `write` had said to wait, and may go on. */
  readonly drain?: (session: StreamSession) => undefined
  /** The session is over. */
  readonly close?: (session: StreamSession, event: CloseEvent) => undefined
}

/** Handlers for all sessions, or a function that makes those of one. */
export type StreamSource = StreamHandlers | ((session: StreamSession) => StreamHandlers)
