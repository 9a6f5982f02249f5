/** What is made of the rounds of a bench. */
import assert from 'node:assert/strict'
import { figure, markdown, median, summaryOf } from '../../bench/figures.ts'

describe('figures of a bench', () => {
  it('has the middle of an odd number, and the mean of the two in the middle of an even one', () => {
    assert.equal(median([30, 10, 20]), 20)
    assert.equal(median([40, 10, 20, 30]), 25)
    assert.equal(median([7]), 7)
    assert.equal(median([]), 0)
  })

  it('leaves the rounds in their order', () => {
    const rounds = [3, 1, 2]
    median(rounds)
    assert.deepEqual(rounds, [3, 1, 2])
  })

  it('has the spread as a part of the median', () => {
    assert.deepEqual(summaryOf([90, 100, 120]), { median: 100, least: 90, most: 120, spread: 0.3 })
    assert.deepEqual(summaryOf([]), { median: 0, least: 0, most: 0, spread: 0 })
  })

  it('shows three digits that count', () => {
    const shown = [0, 0.0123, 0.136, 4.405, 12.345, 253, 999.6, 21_512, 8_333_333, 0.000_01].map(figure)
    assert.deepEqual(shown, ['0', '0.0123', '0.136', '4.41', '12.3', '253', '1,000', '21,500', '8,330,000', '0.0000100'])
  })

  it('makes a table with the first column to the left', () => {
    assert.equal(markdown(['', 'a', 'b'], [['x', '1', '2']]), '|  | a | b |\n|---|---:|---:|\n| x | 1 | 2 |')
  })
})
