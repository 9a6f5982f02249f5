/** Durations, sizes, rates and counts on the command line. */
import assert from 'node:assert/strict'
import { count, datagramRate, duration, rate, seconds, size } from '../../lib/cli/units.ts'

function refusal(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    assert(error instanceof Error)
    return error.message
  }
  assert.fail('nothing was refused')
}

describe('units', () => {
  for (const [text, ms] of [['250ms', 250], ['60s', 60_000], ['1.5s', 1_500], ['0.1s', 100], ['5m', 300_000], ['1h', 3_600_000], ['2d', 172_800_000], ['0s', 0], ['2147483647ms', 2_147_483_647]] as const) {
    it(`the duration ${text} is ${ms} ms`, () => assert.equal(duration('--drain', text), ms))
  }

  for (const [text, bytes] of [['512B', 512], ['64kB', 64_000], ['64KB', 64_000], ['64KiB', 65_536], ['10MB', 10_000_000], ['10MiB', 10_485_760], ['1.5GB', 1_500_000_000], ['1TiB', 2 ** 40]] as const) {
    it(`the size ${text} is ${bytes} bytes, and ${text}/s as many a second`, () => {
      assert.equal(size('--size', text), bytes)
      assert.equal(rate('--throttle', `${text}/s`), bytes)
    })
  }

  for (const [text, perSecond] of [['1pps', 1], ['100pps', 100], ['500kpps', 500_000], ['1Mpps', 1_000_000], ['1.5Mpps', 1_500_000], ['0.5kpps', 500], ['max', 0]] as const) {
    it(`the rate ${text} is ${perSecond} datagrams a second`, () => assert.equal(datagramRate('--rate', text), perSecond))
  }

  it('whole seconds are taken with their bounds', () => {
    assert.deepEqual([seconds('--keep-alive', '1000ms', 60), seconds('--keep-alive', '1m', 60)], [1, 60])
  })

  const refused: readonly (readonly [string, () => unknown, string])[] = [
    ['a duration without a unit', () => duration('--drain', '60'), '--drain: "60" has no unit: write it like 250ms, 60s, 5m or 1h'],
    ['a duration with an unknown unit', () => duration('--drain', '60sec'), '--drain: "60sec" has the unknown unit "sec": write it like 250ms, 60s, 5m or 1h'],
    ['a unit that is a property of every object', () => duration('--drain', '1constructor'), '--drain: "1constructor" has the unknown unit "constructor": write it like 250ms, 60s, 5m or 1h'],
    ['a negative duration', () => duration('--drain', '-5s'), '--drain: "-5s" is not a duration: write it like 250ms, 60s, 5m or 1h'],
    ['an empty duration', () => duration('--drain', ''), '--drain: "" is not a duration: write it like 250ms, 60s, 5m or 1h'],
    ['a duration finer than a millisecond', () => duration('--drain', '0.5ms'), '--drain: "0.5ms" is not a whole number of milliseconds'],
    ['a duration beyond counting', () => duration('--drain', '999999999999999d'), '--drain: "999999999999999d" is not a whole number of milliseconds'],
    ['a duration beyond any timer', () => duration('--drain', '30d'), '--drain: "30d" is too long: the most is 2147483647ms, 24.8 days'],
    ['less than a second where whole ones are needed', () => seconds('--keep-alive', '500ms', 60), '--keep-alive: expected at least 1s, got 500ms'],
    ['a part of a second there', () => seconds('--keep-alive', '1.5s', 60), '--keep-alive: expected whole seconds, got 1.5s'],
    ['more seconds than there can be', () => seconds('--keep-alive', '2m', 60), '--keep-alive: expected at most 60s, got 2m'],
    ['a size without a unit', () => size('--size', '10'), '--size: "10" has no unit: write it like 10MB or 64KiB'],
    ['a size that could be SI, IEC or bits', () => size('--size', '10Mb'), '--size: "10Mb" has the unknown unit "Mb": write MB (1,000,000 bytes) or MiB (1,048,576 bytes)'],
    ['a size of nothing', () => size('--size', '0MB'), '--size: "0MB" is less than one byte'],
    ['a size that is none', () => size('--size', 'lots'), '--size: "lots" is not a size: write it like 10MB or 64KiB'],
    ['a rate without its time', () => rate('--throttle', '10MB'), '--throttle: "10MB" is not a rate: write it like 10MB/s or 64KiB/s'],
    ['a rate without a unit', () => rate('--throttle', '10/s'), '--throttle: "10/s" has no unit: write it like 10MB/s or 64KiB/s'],
    ['a rate in an ambiguous unit', () => rate('--throttle', '10mb/s'), '--throttle: "10mb/s" has the unknown unit "mb": write MB/s (1,000,000 bytes) or MiB/s (1,048,576 bytes)'],
    ['a rate of nothing', () => rate('--throttle', '0.1B/s'), '--throttle: "0.1B/s" is less than one byte a second'],
    ['a rate of datagrams without a unit', () => datagramRate('--rate', '1000'), '--rate: "1000" has no unit: write it like 100pps, 500kpps, 1Mpps or max'],
    ['a rate of datagrams in another unit', () => datagramRate('--rate', '1M'), '--rate: "1M" has the unknown unit "M": write it like 100pps, 500kpps, 1Mpps or max'],
    ['a rate of datagrams in milli', () => datagramRate('--rate', '1mpps'), '--rate: "1mpps" has the unknown unit "mpps": write it like 100pps, 500kpps, 1Mpps or max'],
    ['a rate of datagrams that is a property of every object', () => datagramRate('--rate', '1toString'), '--rate: "1toString" has the unknown unit "toString": write it like 100pps, 500kpps, 1Mpps or max'],
    ['a rate of datagrams that is none', () => datagramRate('--rate', 'fast'), '--rate: "fast" is not a rate of datagrams: write it like 100pps, 500kpps, 1Mpps or max'],
    ['a negative rate of datagrams', () => datagramRate('--rate', '-1pps'), '--rate: "-1pps" is not a rate of datagrams: write it like 100pps, 500kpps, 1Mpps or max'],
    ['a rate of no datagrams', () => datagramRate('--rate', '0pps'), '--rate: "0pps" is less than one datagram a second: for as fast as it goes write max'],
    ['a rate of datagrams beyond counting', () => datagramRate('--rate', '999999999999999Mpps'), '--rate: "999999999999999Mpps" is too large'],
    ['a count that is none', () => count('--retries', 'two', 0), '--retries: "two" is not a whole number of at least 0'],
    ['a count below the least', () => count('--max-sessions', '0', 1), '--max-sessions: "0" is not a whole number of at least 1'],
    ['a count in disguise', () => count('--retries', '0x10', 0), '--retries: "0x10" is not a whole number of at least 0'],
  ]
  for (const [what, run, message] of refused) it(`refuses ${what}`, () => assert.equal(refusal(run), message))
})
