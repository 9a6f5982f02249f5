import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { limited } from '../../lib/limited.ts'

describe('reports of what peers can cause', () => {
  it('are ten a second, and one that says how many more there were', async () => {
    const lines: string[] = []
    let made = 0
    const report = limited((text) => lines.push(text))
    const many = (count: number): void => { for (let i = 0; i < count; i++) report(() => `error ${++made}`) }
    many(5_000)
    assert.equal(made, 10, 'the text of one that is not written is not made')
    await pause(1_100)
    assert.deepEqual(lines.splice(0), [...Array.from({ length: 10 }, (_, i) => `error ${i + 1}`), 'and 4990 more within a second'])
    many(3)
    await pause(1_100)
    assert.deepEqual(lines, ['error 11', 'error 12', 'error 13'])
  })
})
