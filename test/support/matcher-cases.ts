/** A matcher asked about heads, whole, byte by byte and in two halves, on both threads. What it says of every split is in test/native/leaves. */
import assert from 'node:assert/strict'
import type { Matcher } from '../../lib/index.ts'
import { answerOf, type Answer } from './branch.ts'
import { threads } from './relay.ts'

export type MatcherCase = readonly [what: string, head: string | Uint8Array, expected: Answer]

export function matcherCases(matcher: Matcher<'stream'>, cases: readonly MatcherCase[]): void {
  for (const thread of threads) {
    describe(`${matcher.name}(${matcher.shows}), ${thread} thread`, () => {
      for (const [what, head, expected] of cases) {
        it(`${expected} for ${what}`, async () => {
          const bytes = Buffer.from(head)
          const half = bytes.length >> 1
          const bytewise = bytes.length <= 64 ? [Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))] : []
          for (const pieces of [[bytes], [bytes.subarray(0, half), bytes.subarray(half)].filter(({ length }) => length > 0), ...bytewise]) {
            assert.equal(await answerOf(matcher, thread, { pieces }), expected, `${pieces.length} pieces`)
          }
        })
      }
    })
  }
}
