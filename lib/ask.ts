/** Asking a handler about a head, and telling the addon its answer. */
import { misuse } from './errors.ts'
import type { ChooseHandler, DecideHandler, InspectHandler } from './handlers.ts'
import { EndHow, Verdict } from './native.ts'
import type { NativeRelay } from './native.ts'
import { shown } from './options.ts'
import type { RelaySession } from './session.ts'
import type { More, Pass, Reject, Replace } from './verdict.ts'

/** The handler of a node that decides on the head. */
export type AskHandler =
  | { readonly kind: 'inspect'; readonly handler: InspectHandler }
  | { readonly kind: 'decide'; readonly handler: DecideHandler }
  | { readonly kind: 'choose'; readonly handler: ChooseHandler<string>; readonly names: readonly string[] }

type AnyVerdict = Pass | More | Replace | Reject

/** A head that is being asked about. */
export type Question = {
  readonly relay: Pick<NativeRelay, 'answerHead'>
  readonly session: RelaySession
  readonly node: number
  readonly ask: AskHandler
  /** What becomes of an error that comes later, from a promise. */
  readonly onLateError: (error: unknown, session: RelaySession) => void
}

/** Calls the handler and returns what to write into the record's verdict field. Throws what the handler throws. */
export function askHandler(question: Question, head: Buffer): number {
  const { session, ask } = question
  switch (ask.kind) {
    case 'inspect':
      return settle(question, ask.handler(head, session), head.length, true)
    case 'decide': {
      const pending = new AbortController()
      return settleOrWait(question, ask.handler(Buffer.from(head), session, pending.signal), head.length, pending)
    }
    case 'choose':
      return settleOrWait(question, ask.handler(Buffer.from(head), session), head.length, undefined)
  }
}

function settleOrWait(question: Question, answer: unknown, headBytes: number, controller: AbortController | undefined): number {
  if (!isPromise(answer)) return settle(question, answer, headBytes, true)
  const { session, onLateError } = question
  const pending = controller ?? new AbortController()
  if (session.over) {
    pending.abort()
    answer.then(ignore, ignore)
    return Verdict.answered
  }
  session.pending = pending
  const late = (act: () => void): void => {
    if (session.pending !== pending) return
    session.pending = undefined
    try {
      act()
    } catch (error) {
      onLateError(error, session)
    }
  }
  answer.then(
    (verdict) => late(() => void settle(question, verdict, headBytes, false)),
    (error: unknown) => late(() => onLateError(error, session)),
  )
  return Verdict.later
}

function ignore(): void {
  // The session is over; nobody waits for the answer.
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** Acts on an answer. `atOnce`: from within the crossing, where the record's field can carry it. */
function settle(question: Question, answer: unknown, headBytes: number, atOnce: boolean): number {
  const { relay, session, node, ask } = question
  if (session.over) return Verdict.answered
  if (typeof answer === 'string' && ask.kind === 'choose') {
    const branch = ask.names.indexOf(answer)
    if (branch < 0) throw wrong(ask, `${shown(answer)} is none of the branches ${ask.names.join(', ')}`)
    relay.answerHead(session.native, node, branch, 0)
    return Verdict.answered
  }
  if (!isVerdict(answer) || (ask.kind === 'choose' && (answer.verdict === 'pass' || answer.verdict === 'replace'))) {
    throw wrong(ask, `expected ${expected(ask.kind)}, not ${isVerdict(answer) ? `${answer.verdict}(…)` : shown(answer)}`)
  }
  switch (answer.verdict) {
    case 'pass':
      if (atOnce) return Verdict.pass
      relay.answerHead(session.native, node, 0, 0)
      return Verdict.answered
    case 'more':
      if (!atOnce) throw wrong(ask, 'more() can be answered only at once, not from a promise')
      return Verdict.more
    case 'replace':
      if (answer.consumedBytes > headBytes) throw wrong(ask, `replace: consumedBytes is ${answer.consumedBytes}, but the head has ${headBytes} bytes`)
      relay.answerHead(session.native, node, 0, answer.consumedBytes, answer.bytes)
      return Verdict.answered
    case 'reject':
      session.message = answer.message
      session.finish(EndHow.rejected, answer.reply)
      return Verdict.answered
  }
}

function isVerdict(value: unknown): value is AnyVerdict {
  return typeof value === 'object' && value !== null && 'verdict' in value && ['pass', 'more', 'replace', 'reject'].includes(String(value.verdict))
}

function expected(kind: AskHandler['kind']): string {
  if (kind === 'choose') return 'the name of a branch, more() or reject(…)'
  return `pass(), more(), replace(…) or reject(…)${kind === 'inspect' ? ' at once' : ''}`
}

function wrong(ask: AskHandler, problem: string): Error {
  return misuse('ERR_MILLRACE_BAD_VERDICT', ask.kind, problem)
}
