/** The shards of one server without Node, under ThreadSanitizer. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile, run } from '../support/compile.ts'

// The ledger's copy is made of atomics; its fences, of which TSan knows nothing, only order them.
const sanitize = ['-fsanitize=thread', '-Wno-tsan']

describe('shards without Node', function () {
  this.timeout(300_000)
  let folder = ''
  let program = ''

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-shards-'))
    program = join(folder, 'shards_test')
    await compile(folder, program, [...['core', 'stage', 'relay', 'relay/datagram'].flatMap(sourcesIn), 'test/native/shards_test.cc'], sanitize)
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('share addresses, limits and load, and no two threads meet', async () => {
    const { code, output } = await run(program, [])
    assert.equal(code, 0, output)
    assert.match(output, /^shard: \d+ sessions, \d+ flows\nshard: \d+ sessions, \d+ flows\n0 failed\n$/)
  })

  it('fail loudly: a thread that reaches into the loop of another is found', async () => {
    const { code, output } = await run(program, ['race'])
    assert.notEqual(code, 0)
    assert.match(output, /WARNING: ThreadSanitizer: data race/)
  })
})

function sourcesIn(folder: string): readonly string[] {
  return readdirSync(new URL(`../../addon/${folder}`, import.meta.url)).filter((name) => name.endsWith('.cc')).map((name) => `addon/${folder}/${name}`)
}
