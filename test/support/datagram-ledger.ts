/** What the ledger says about datagrams, short enough to be compared: of the reasons for drops, those that are not 0. */
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Account, DropReason } from '../../lib/index.ts'
import { dropReasons } from '../../lib/index.ts'
import { deadlineMs } from './until.ts'

export type Direction = 'toUpstream' | 'toDownstream'
export type Counts = { readonly received: number; readonly produced: number; readonly sent: number; readonly consumed: number; readonly dropped: Readonly<Partial<Record<DropReason, number>>> }

/** A server, here or in another process. */
type Ledgered = { ledger(): Account | Promise<Account> }

const none: Counts = { received: 0, produced: 0, sent: 0, consumed: 0, dropped: {} }

export function countsOf(account: Account, direction: Direction): Counts {
  const { received, produced, sent, consumed, dropped } = account.datagrams[direction]
  const some = dropReasons.filter((reason) => dropped[reason].datagrams > 0).map((reason) => [reason, dropped[reason].datagrams] as const)
  return { received, produced, sent, consumed, dropped: Object.fromEntries(some) }
}

/** Waits until the ledger says exactly this of a direction; what is not named is 0. Counters are told of a turn after it. */
export async function ledgerSays(of: Ledgered, direction: Direction, counts: Partial<Counts>): Promise<void> {
  const expected = { ...none, ...counts }
  const end = performance.now() + deadlineMs
  while (!isDeepStrictEqual(countsOf(await of.ledger(), direction), expected)) {
    if (performance.now() > end) break
    await turn()
  }
  assert.deepEqual(countsOf(await of.ledger(), direction), expected, direction)
}

/** Waits until the ledger has counted that many dropped for a reason, or more, and gives how many. */
export async function droppedFor(reason: DropReason, of: Ledgered, direction: Direction, least = 1): Promise<number> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const { datagrams } = (await of.ledger()).datagrams[direction].dropped[reason]
    if (datagrams >= least) return datagrams
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms for ${least} dropped ${direction} for ${reason}, there are ${datagrams}`)
    await turn()
  }
}
