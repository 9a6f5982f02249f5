/** The chart and the tables of README.md. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { filesOf } from '../../bench/chart/files.ts'
import { layoutOf, roundUp, scaleOf, width } from '../../bench/chart/layout.ts'
import { svgOf } from '../../bench/chart/svg.ts'
import { begin, end, tables, withTables } from '../../bench/chart/table.ts'
import { committedResult } from '../../bench/peers/options.ts'
import { workloads } from '../../bench/peers/workloads.ts'
import { readResult } from '../../bench/results.ts'
import { root } from '../support/child.ts'
import { aResult } from './a-result.ts'

describe('the chart of the benches', () => {
  const committed = readResult(committedResult)

  for (const [file, content] of filesOf(committed)) {
    it(`${relative(root, file)} is what npm run bench:chart makes`, () => {
      assert.ok(readFileSync(file, 'utf8') === content, `${file} is not what bench/results/peers.json says: run npm run bench:chart`)
    })
  }

  it('shows every workload that there is', () => {
    const texts = layoutOf(committed).texts.filter(({ role }) => role === 'group').map(({ text }) => text)
    assert.deepEqual(texts.toSorted(), workloads.map(({ title }) => title).toSorted())
    assert.deepEqual(committed.workloads.map(({ name }) => name), workloads.map(({ name }) => name))
  })

  it('has everything inside, and no two rows in one place', () => {
    const { panels, texts, height } = layoutOf(committed)
    for (const { x, y } of texts) assert.ok(x >= 0 && x < width && y > 0 && y < height)
    const rows = panels.flatMap(({ x, bars }) => bars.map(({ y }) => `${x} ${y}`))
    assert.equal(new Set(rows).size, rows.length)
  })

  it('is the same again, whatever was drawn before', () => {
    const first = svgOf(aResult(), 'light')
    svgOf(committed, 'dark')
    assert.equal(svgOf(aResult(), 'light'), first)
  })

  it('escapes what a result says', () => {
    assert.match(svgOf(aResult(), 'light'), /A &quot;fast&quot; CPU/)
  })

  it('ends its axes at a short number that nothing exceeds', () => {
    assert.deepEqual([0, 0.136, 0.16, 4.41, 21_500, 9.9, 61].map(roundUp), [1, 0.16, 0.16, 5, 30_000, 10, 80])
  })

  const bar = (subject: string, median: number, most = median): { readonly subject: string; readonly median: number; readonly most: number } => ({ subject, median, most })

  it('has room for the largest round of all', () => {
    assert.equal(scaleOf([bar('ours', 10), bar('nginx', 12, 15)], false), 16)
  })

  it('cuts a peer that is far beyond several others, where less is better', () => {
    assert.equal(scaleOf([bar('ours', 10), bar('nginx', 12), bar('socat', 900)], true), 12)
    assert.equal(scaleOf([bar('ours', 10), bar('nginx', 12), bar('socat', 900)], false), 1_000)
    assert.equal(scaleOf([bar('ours', 10), bar('coturn', 900)], true), 1_000)
  })

  it('never cuts ours', () => {
    assert.equal(scaleOf([bar('ours', 900), bar('nginx', 12), bar('node', 10)], true), 1_000)
  })
})

describe('the tables of the benches', () => {
  it('have a row for what is carried, what it costs and how long it takes, and the date and the machine before them', () => {
    assert.equal(tables(aResult()), `Medians of 3 rounds of 3 s, in turn, over loopback; load and servers share the cores with the relay. \
Each relay has one loop or thread; socat has a process for each connection. \
2 January 2026, 2 cores of A "fast" CPU, 8 GiB, Linux 6.18.1 with cubic for TCP, Node 20.19.0, commit abc1234. Beside nginx 1.2.3. Left out is coturn: not installed.

| TCP, through a relay | millrace | nginx |
|---|---:|---:|
| 64 B requests, 1 connection: req/s | 105 | 80.0, lost 0.5 %, 1 failed |
| … CPU µs/request | 10.5 | 20.0 |
| … p50 / p99, µs | 5.00 / 9.00 | – / – |`)
  })

  it('say of which workloads a peer is left out', () => {
    assert.match(tables(aResult({ leftOut: { 'tcp.rr1 socat': 'too many' } })), /Left out of “64 B requests, 1 connection” is socat: too many\./)
  })

  it('stand between the markers, and replace what was there', () => {
    const text = withTables(`before\n${begin}\nold\n${end}\nafter\n`, aResult())
    assert.equal(text, `before\n${begin}\n\n${tables(aResult())}\n\n${end}\nafter\n`)
    assert.equal(withTables(text, aResult()), text)
    assert.throws(() => withTables('no markers', aResult()), /README\.md must have the lines/)
  })
})
