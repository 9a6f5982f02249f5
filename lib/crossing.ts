/**
 * The crossing: one call from the addon for all that a turn has to tell. It fans out to handlers and gathers events. The records
 * and the arena are shared memory; what is seen of them is valid until `onRecords` returns.
 */
import { getSystemErrorName, inspect } from 'node:util'
import { addressText } from './address.ts'
import { askHandler } from './ask.ts'
import { runChunk } from './chunk.ts'
import type { Compiled, CompiledNode } from './compile.ts'
import { safely } from './errors.ts'
import type { CloseEvent, RelayEvent, UpstreamNotice } from './events.ts'
import { closeReasons } from './ledger.ts'
import { Direction, downstreamAddressAt, EndHow, Field, NoticeCode, recordBytes, RecordKind, upstreamAddressAt, Verdict } from './native.ts'
import type { NativeRelay } from './native.ts'
import { noticeCodes } from './notice-codes.ts'
import { parseTlvs } from './proxy-info.ts'
import { RelaySession } from './session.ts'
import type { Session } from './session.ts'
import { beginStream } from './stream-end.ts'
import { tellEvents } from './tell-events.ts'
import { ejectedNotice } from './upstreams/notices.ts'
import { unixNameOf } from './upstreams/numbers.ts'

/** One plan of a relay, as the crossing needs it. */
export type CrossingPlan = {
  /** Its place among the pipelines of the server. */
  readonly pipeline: number
  readonly compiled: Compiled
  /** What its listeners are called, filled in once they are bound. */
  readonly listeners: readonly string[]
}

export type CrossingOptions = {
  readonly records: ArrayBuffer
  readonly arena: ArrayBuffer
  readonly plans: readonly CrossingPlan[]
  readonly relay: () => NativeRelay
  /** From the addon's id of a session to that of the server. */
  readonly idOf: (native: number) => number
  readonly onEvents: ((batch: readonly RelayEvent[]) => void) | undefined
  /** Whether events include the open and close of sessions. */
  readonly sessionEvents: boolean
  readonly onError: (error: unknown, session: Session | undefined) => void
  /** The relay is over. */
  readonly onClosed: () => void
}

const stride = recordBytes / 8
const none: CompiledNode = { path: '', toUpstream: [], toDownstream: [], filtersToUpstream: [], filtersToDownstream: [], highWaterBytes: 0 }

/** Makes the function that the addon calls with the number of records. It never throws. */
export function createCrossing(options: CrossingOptions): (count: number) => void {
  const { records, arena, plans, onEvents, onError } = options
  const fields = new Float64Array(records)
  const bytes = new Uint8Array(records)
  const sessions = new Map<number, RelaySession>()
  const tellsSessions = onEvents !== undefined && options.sessionEvents
  let events: RelayEvent[] = []

  const field = (at: number, name: number): number => fields[at + name] ?? 0
  const answer = (at: number, verdict: number): void => void (fields[at + Field.verdict] = verdict)
  const view = (at: number): Buffer => Buffer.from(arena, field(at, Field.offset), field(at, Field.length))
  const planAt = (at: number): CrossingPlan | undefined => plans[Math.floor(field(at, Field.listener) / 65_536)]
  const nodeAt = (at: number): CompiledNode => planAt(at)?.compiled.nodes[field(at, Field.node)] ?? none
  const listenerAt = (at: number): string => planAt(at)?.listeners[field(at, Field.listener) % 65_536] ?? ''
  const downstreamAt = (at: number): string => {
    const listener = listenerAt(at)
    return addressText(bytes, at * 8 + downstreamAddressAt, listener) ?? ''
  }
  const upstreamAt = (at: number): string | undefined => addressText(bytes, at * 8 + upstreamAddressAt, unixNameOf(nodeAt(at)))

  const sessionAt = (at: number): RelaySession => {
    const native = field(at, Field.session)
    const known = sessions.get(native)
    if (known !== undefined) return known
    const session = new RelaySession(options.relay(), native, options.idOf(native), downstreamAt(at), listenerAt(at), upstreamAt(at))
    sessions.set(native, session)
    return session
  }

  /** A handler has failed: its session ends, everything else goes on. */
  const failed = (error: unknown, session: RelaySession | undefined): void => {
    if (session !== undefined && !session.over) {
      session.message = messageOf(error)
      session.finish(EndHow.handlerError)
    }
    onError(error, session)
  }

  const onHead = (at: number, session: RelaySession): number => {
    const { ask } = nodeAt(at)
    if (ask === undefined) throw new Error(`no handler for node ${field(at, Field.node)}`)
    return askHandler({ relay: options.relay(), session, node: field(at, Field.node), ask, onLateError: failed }, view(at))
  }

  const onChunk = (at: number, session: RelaySession): number => {
    const node = nodeAt(at)
    const direction = field(at, Field.value)
    const chunk = view(at)
    const result = runChunk(direction === Direction.toUpstream ? node.toUpstream : node.toDownstream, chunk, session)
    if (session.over) return Verdict.answered
    if (result === chunk) return Verdict.pass
    if (result !== null && result.length > 0) options.relay().write(session.native, direction, result)
    return Verdict.answered
  }

  const onData = (at: number, session: RelaySession): void => {
    const chunk = runChunk(nodeAt(at).toUpstream, view(at), session)
    if (chunk !== null && chunk.length > 0 && !session.over) session.stream?.handlers.data(session, chunk)
  }

  const onEnd = (session: RelaySession): void => {
    const handlers = session.stream?.handlers
    if (handlers?.end === undefined) session.end()
    else handlers.end(session)
  }

  const onOpen = (at: number): void => {
    const node = nodeAt(at)
    const upstream = upstreamAt(at)
    const session = node.toUpstream.length + node.toDownstream.length > 0 ? sessionAt(at) : sessions.get(field(at, Field.session))
    if (session !== undefined) session.upstream = upstream
    if (!tellsSessions) return
    events.push({
      type: 'open',
      at: Date.now(),
      session: options.idOf(field(at, Field.session)),
      pipeline: planAt(at)?.pipeline ?? 0,
      downstream: session?.downstream ?? downstreamAt(at),
      listener: listenerAt(at),
      upstream,
    })
  }

  const closeEventAt = (at: number, session: RelaySession | undefined): CloseEvent => ({
    type: 'close',
    at: Date.now(),
    session: options.idOf(field(at, Field.session)),
    pipeline: planAt(at)?.pipeline ?? 0,
    downstream: session?.downstream ?? downstreamAt(at),
    listener: listenerAt(at),
    upstream: upstreamAt(at) ?? session?.upstream,
    reason: closeReasons[field(at, Field.value)] ?? 'ioError',
    ...(session?.message === undefined ? {} : { message: session.message }),
    ...errorAt(field(at, Field.extra)),
    bytesToUpstream: field(at, Field.bytesToUpstream),
    bytesToDownstream: field(at, Field.bytesToDownstream),
    durationMs: field(at, Field.durationMs),
  })

  const onClose = (at: number, session: RelaySession | undefined): void => {
    if (session === undefined && !tellsSessions) return
    const event = closeEventAt(at, session)
    if (tellsSessions) events.push(event)
    if (session === undefined) return
    sessions.delete(session.native)
    session.over = true
    session.abandon()
    session.stream?.handlers.close?.(session, event)
  }

  const onProxied = (at: number, session: RelaySession): void => {
    session.upstream = undefined // in this record it is where the proxy was reached
    session.proxy = { destination: addressText(bytes, at * 8 + upstreamAddressAt, undefined) ?? '', tlvs: parseTlvs(Buffer.from(view(at))) }
  }

  const memberNotice = (at: number): readonly UpstreamNotice[] => {
    const plan = planAt(at)
    const upstream = plan?.compiled.sets.get(field(at, Field.node))?.get(field(at, Field.length))
    if (plan === undefined || upstream === undefined) return []
    const ejected = field(at, Field.value) === NoticeCode.memberEjected
    return [ejectedNotice(plan.pipeline, upstream, ejected ? { error: errorAt(field(at, Field.extra)).error, forMs: field(at, Field.durationMs) } : undefined)]
  }

  const onNotice = (at: number): void => {
    if (onEvents === undefined) return
    const code = noticeCodes.get(field(at, Field.value))
    if (code === undefined) return void events.push(...memberNotice(at))
    const pipeline = planAt(at)?.pipeline ?? 0
    if (code === 'generated') events.push({ type: 'notice', code, at: Date.now(), pipeline })
    else events.push({ type: 'notice', code, at: Date.now(), pipeline, listener: listenerAt(at), ...(code === 'eventsLost' ? {} : errorAt(field(at, Field.extra))) }) // else it is no errno
  }

  const dispatch = (at: number, session: RelaySession | undefined): void => {
    switch (field(at, Field.kind)) {
      case RecordKind.head:
        if (session !== undefined) answer(at, session.over ? Verdict.answered : onHead(at, session))
        return
      case RecordKind.chunk:
        if (session !== undefined) answer(at, session.over ? Verdict.answered : onChunk(at, session))
        return
      case RecordKind.started:
        if (session !== undefined && !session.over) beginStream(session, nodeAt(at))
        return
      case RecordKind.data:
        if (session !== undefined && !session.over) onData(at, session)
        return
      case RecordKind.end:
        if (session !== undefined && !session.over) onEnd(session)
        return
      case RecordKind.drain:
        if (session !== undefined && !session.over) session.stream?.handlers.drain?.(session)
        return
      case RecordKind.open:
        return onOpen(at)
      case RecordKind.close:
        return onClose(at, session)
      case RecordKind.abandoned:
        return session?.abandon()
      case RecordKind.proxied:
        if (session !== undefined) onProxied(at, session)
        return
      case RecordKind.notice:
        return onNotice(at)
    }
  }

  /** Whether a record of this kind makes its session known. */
  const begins = (kind: number): boolean => kind === RecordKind.head || kind === RecordKind.chunk || kind === RecordKind.started || kind === RecordKind.proxied

  return (count) => {
    let closed = false
    for (let i = 0, at = 0; i < count; i++, at += stride) {
      const kind = field(at, Field.kind)
      if (kind === RecordKind.closed) closed = true
      const session = begins(kind) ? sessionAt(at) : sessions.get(field(at, Field.session))
      try {
        dispatch(at, session)
      } catch (error) {
        answer(at, Verdict.answered)
        failed(error, session)
      }
    }
    const batch = events
    if (batch.length > 0) events = []
    tellEvents(options, batch)
    if (closed) options.onClosed()
  }
}

function messageOf(error: unknown): string {
  return safely(() => (error instanceof Error ? error.message : inspect(error, { depth: 0 })))
}

/** `{ error: 'ECONNREFUSED' }` for an errno other than 0. */
function errorAt(errno: number): { readonly error?: string } {
  return errno === 0 ? {} : { error: getSystemErrorName(-Math.abs(errno)) }
}
