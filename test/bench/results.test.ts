/** The file of a bench: written, read again, refused where it is not one. */
import assert from 'node:assert/strict'
import { parseResult, readResult, resultText } from '../../bench/results.ts'
import { aResult } from './a-result.ts'

describe('the file of a bench', () => {
  it('is read as it was written', () => {
    const result = aResult()
    assert.deepEqual(parseResult(resultText(result), 'new.json'), result)
  })

  it('has a line for the rounds of a subject', () => {
    const lines = resultText(aResult()).split('\n').filter((line) => line.includes('"value"'))
    assert.deepEqual(lines.map((line) => line.trim()), [
      '"rounds": [{"value":100,"cost":10,"p50Us":5,"p99Us":9},{"value":110,"cost":11},{"value":105,"cost":10.5}]',
      '"rounds": [{"value":80,"cost":20,"lostPercent":0.5,"failed":1}]',
    ])
  })

  for (const [text, message] of [
    ['{', /^new\.json is not JSON$/],
    ['[]', /^new\.json must be an object$/],
    ['{"kind":"other"}', /^new\.json: kind must be one of peers, inside, soak$/],
    ['{"kind":"peers"}', /^new\.json must be an object with environment$/],
    [resultText(aResult()).replace('"unit": "req/s"', '"unit": 5'), /^new\.json: workloads\[0\]: unit must be a text$/],
    [resultText(aResult()).replace('"value":110', '"value":null'), /^new\.json: workloads\[0\]: subjects: ours: rounds\[1\]: value must be a number$/],
  ] as const) {
    it(`says what is wrong: ${message.source}`, () => {
      assert.throws(() => parseResult(text, 'new.json'), { message })
    })
  }

  it('says that it is not there', () => {
    assert.throws(() => readResult('no-such.json'), /^Error: no-such\.json cannot be read$/)
  })
})
