/** The ledger: what was accepted and what became of it, and the same for every byte. */

/** Why a session ended. The order is that of `addon/relay/reason.h`; a test compares the two. */
export const closeReasons = [
  'finished',
  'resetByDownstream',
  'resetByUpstream',
  'idleTimeout',
  'halfCloseTimeout',
  'maxDuration',
  'headTimeout',
  'headTooLarge',
  'headIncomplete',
  'denied',
  'limited',
  'rejected',
  'handlerError',
  'closedByHandler',
  'resetByHandler',
  'closedByPlan',
  'resetByPlan',
  'connectRefused',
  'connectTimeout',
  'connectUnreachable',
  'connectFailed',
  'nameUnresolved',
  'descriptorLimit',
  'pendingLimit',
  'serverClosed',
  'ioError',
] as const

/** One of `closeReasons`. */
export type CloseReason = (typeof closeReasons)[number]

const byteNames = ['received', 'produced', 'sent', 'consumed', 'dropped', 'pending', 'crossed'] as const

/** The order in which the addon writes its counters, one row a plan. */
export const counterNames: readonly string[] = [
  'accepted',
  'open',
  'closed',
  ...byteNames.map((name) => `toUpstream.${name}`),
  ...byteNames.map((name) => `toDownstream.${name}`),
  ...closeReasons.map((name) => `reason.${name}`),
]

/**
 * The bytes of one direction. Received from the source or produced by a handler or an echo = sent to the destination, consumed by
 * a handler or a sink, dropped, or pending. `crossed` are those that entered JS, counted beside.
 */
export type Bytes = Readonly<Record<(typeof byteNames)[number], number>>

/** What one pipeline has accepted and relayed. */
export type Account = {
  readonly sessions: { readonly accepted: number; readonly open: number; readonly closed: number }
  readonly reasons: Readonly<Record<CloseReason, number>>
  readonly toUpstream: Bytes
  readonly toDownstream: Bytes
  /** Whether accepted = open + closed, closed = the sum of the reasons, and the bytes of both directions add up. */
  readonly balanced: boolean
}

/** The sum over all pipelines, and each of them in the order they were given to `serve`. */
export type Ledger = Account & { readonly pipelines: readonly Account[] }

/** Makes a ledger of the counters, one row of `counterNames.length` a pipeline. */
export function ledgerOf(rows: readonly Float64Array[]): Ledger {
  const pipelines = rows.map(accountOf)
  const sum = new Float64Array(counterNames.length)
  for (const row of rows) row.forEach((value, i) => (sum[i] = (sum[i] ?? 0) + value))
  return { ...accountOf(sum), balanced: pipelines.every((account) => account.balanced), pipelines }
}

function accountOf(row: Float64Array): Account {
  const at = (i: number): number => row[i] ?? 0
  const bytes = (first: number): Bytes => ({
    received: at(first),
    produced: at(first + 1),
    sent: at(first + 2),
    consumed: at(first + 3),
    dropped: at(first + 4),
    pending: at(first + 5),
    crossed: at(first + 6),
  })
  const sessions = { accepted: at(0), open: at(1), closed: at(2) }
  const [toUpstream, toDownstream] = [bytes(3), bytes(3 + byteNames.length)]
  const reasons = reasonsFrom(at, 3 + 2 * byteNames.length)
  const ended = closeReasons.reduce((sum, reason) => sum + reasons[reason], 0)
  const balanced = sessions.accepted === sessions.open + sessions.closed && sessions.closed === ended && addsUp(toUpstream) && addsUp(toDownstream)
  return { sessions, reasons, toUpstream, toDownstream, balanced }
}

function addsUp({ received, produced, sent, consumed, dropped, pending }: Bytes): boolean {
  return received + produced === sent + consumed + dropped + pending
}

type Reasons = Record<CloseReason, number>

function isComplete(reasons: Partial<Reasons>): reasons is Reasons {
  return closeReasons.every((reason) => reason in reasons)
}

function reasonsFrom(at: (i: number) => number, first: number): Reasons {
  const reasons: Partial<Reasons> = {}
  closeReasons.forEach((reason, place) => (reasons[reason] = at(first + place)))
  if (!isComplete(reasons)) throw new Error('a close reason has no counter')
  return reasons
}
