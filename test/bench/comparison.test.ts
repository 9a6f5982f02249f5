/** Two results of a bench beside each other. */
import assert from 'node:assert/strict'
import { compare, comparisonText, isWorse } from '../../bench/comparison.ts'
import type { Result, Round } from '../../bench/results.ts'
import { aResult } from './a-result.ts'

const rounds = (values: readonly number[], cost?: number): readonly Round[] => values.map((value) => ({ value, ...(cost === undefined ? {} : { cost }) }))
const verdicts = (before: Result, after: Result): readonly string[] => compare(before, after).changes.map(({ what, verdict }) => `${what}: ${verdict}`)
const result = (values: readonly number[], cost?: number): Result => aResult({ ours: rounds(values, cost) })

describe('comparing two results', () => {
  it('is worse where the median has fallen by more than the rounds differ', () => {
    const [before, after] = [result([100, 102, 104], 10), result([90, 91, 92], 10)]
    assert.deepEqual(verdicts(before, after), ['req/s: worse', 'CPU µs/request: same'])
    assert.equal(isWorse(compare(before, after)), true)
    assert.deepEqual(verdicts(after, before), ['req/s: better', 'CPU µs/request: same'])
    assert.equal(isWorse(compare(after, before)), false)
  })

  it('takes the larger spread of the two', () => {
    assert.deepEqual(verdicts(result([100, 101, 102]), result([80, 90, 100])), ['req/s: same'])
    assert.deepEqual(verdicts(result([80, 100, 120]), result([90, 90, 90])), ['req/s: same'])
  })

  it('says nothing of a difference that two runs of one commit have too', () => {
    assert.deepEqual(verdicts(result([100, 100, 100]), result([99, 99, 99])), ['req/s: same'])
  })

  it('is worse where a unit costs more CPU, however many there are', () => {
    assert.deepEqual(verdicts(result([100, 101, 102], 10), result([100, 101, 102], 13)), ['req/s: same', 'CPU µs/request: worse'])
  })

  it('is better where less is better and there is less', () => {
    const bytes = (values: readonly number[]): Result => {
      const { workloads } = result(values)
      return aResult({ workloads: workloads.map((one) => ({ ...one, better: 'less' })) })
    }
    assert.deepEqual(verdicts(bytes([100, 100]), bytes([80, 80])), ['req/s: better'])
    assert.deepEqual(verdicts(bytes([80, 80]), bytes([100, 100])), ['req/s: worse'])
  })

  it('cannot tell from a single round, and says so', () => {
    const comparison = compare(result([100]), result([10]))
    assert.deepEqual(comparison.changes.map(({ verdict }) => verdict), ['unknown'])
    assert.match(comparison.warnings.join(), /a single round has no spread/)
    assert.equal(isWorse(comparison), false)
  })

  it('looks at ours alone', () => {
    assert.deepEqual([...new Set(compare(aResult(), aResult()).changes.map(({ subject }) => subject))], ['ours'])
  })

  it('warns of another kernel, another version of a peer, other options and other workloads', () => {
    const before = aResult()
    const after = aResult({
      environment: { ...before.environment, kernel: '6.19.0' }, versions: { haproxy: '2.6' }, options: { secs: 1, rounds: 3 },
      workloads: before.workloads.map((one) => ({ ...one, name: 'tcp.rr2' })),
    })
    assert.deepEqual(compare(before, after).warnings, [
      'kernel differs: 6.18.1 then, 6.19.0 now',
      'the version of nginx differs: 1.2.3 then, none now',
      'the version of haproxy differs: none then, 2.6 now',
      'the option secs differs: 3 then, 1 now',
      'only in the old result: tcp.rr1',
      'only in the new result: tcp.rr2',
    ])
    assert.deepEqual(compare(before, before).warnings, [])
  })

  it('refuses results of different benches', () => {
    assert.throws(() => compare(aResult(), aResult({ kind: 'inside' })), /one is of bench:peers, the other of bench/)
  })

  it('shows the ratio and marks what is worse', () => {
    const text = comparisonText(compare(result([100, 100]), result([50, 50])))
    assert.match(text, /\| tcp\.rr1 \| ours \| req\/s \| 100 \| 50\.0 \| 0\.500 \| 0\.0 % \| \*\*worse\*\* \|/)
  })
})
