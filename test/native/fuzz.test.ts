/** The runner of `npm run test:fuzz`: that it has a target for every parser, and that it fails where there is something to find. */
import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildTargets, targetSources } from '../fuzz/build.ts'
import type { Target } from '../fuzz/build.ts'
import { fuzzTarget, tryInput } from '../fuzz/fuzz.ts'
import { faultsOf } from '../fuzz/outcome.ts'
import type { Outcome } from '../fuzz/outcome.ts'
import { inputFrom, seedsOf } from '../fuzz/seeds.ts'
import { root } from '../support/child.ts'
import { run } from '../support/compile.ts'
import { installed } from '../support/installed.ts'

const text = (path: string): string => readFileSync(join(root, path), 'utf8')

describe('fuzz targets', () => {
  const targets = targetSources()
  const included = new Set([...targets.values()].flatMap((source) => [...text(source).matchAll(/#include "((?:core|stage)\/\w+)\.h"/g)].map((match) => match[1])))
  /** What the word parser is wide of: whatever is given bytes or text. */
  const takesBytes = /uint8_t\*|span<const|string_view|MatchInput/
  const exceptions = new Map([
    ['balance', 'looks at numbers, and at a name only for a hash'],
    ['maglev', 'looks at numbers, and at a name only for a hash'],
    ['text_hash', 'takes any text'],
    ['matcher', 'says what a matcher is; every target of a matcher goes through it'],
    ['remote_address', 'looks at the peer and at no byte'],
    ['silent', 'looks whether there is a byte, and at none'],
  ])
  const parsers = new Set(readdirSync(join(root, 'addon/stage')).filter((file) => takesBytes.test(text(`addon/stage/${file}`))).map((file) => file.replace(/\.\w+$/, '')))

  it('there is one for every file of addon/stage that is shown bytes', () => {
    assert.ok(parsers.size > 15)
    assert.deepEqual([...parsers].filter((name) => !included.has(`stage/${name}`) && !exceptions.has(name)), [], 'are included by no test/fuzz/targets/*_fuzz.cc')
  })

  it('exceptions are files that there are, and that no target is for', () => {
    assert.deepEqual([...exceptions.keys()].filter((name) => !parsers.has(name) || included.has(`stage/${name}`)), [])
  })

  it('are named after a file that they include, and have seeds', () => {
    for (const [name, source] of targets) {
      assert.match(source, /_fuzz\.cc$/)
      assert.ok(included.has(`stage/${name}`) || included.has(`core/${name}`), `${source} is named after nothing`)
      assert.ok(seedsOf(name).length > 1, `test/fuzz/seeds/${name}.txt has no seeds`)
    }
    assert.deepEqual(readdirSync(join(root, 'test/fuzz/seeds')).filter((file) => !targets.has(file.replace('.txt', ''))), [], 'are seeds of nothing')
  })

  it('their seeds are texts and bytes in hex, and nothing else', () => {
    assert.deepEqual(inputFrom('0d0a "PROXY\\r\\n\\u0000\\u00ff" 01'), Buffer.from('0d0a50524f58590d0a00ff01', 'hex'))
    assert.deepEqual(inputFrom('7fff*3 "a*2"*2'), Buffer.from('7fff7fff7fff612a32612a32', 'hex'))
    for (const wrong of ['0', 'GET', '0G', '"open', '"a" 1', '"\\x"', 'ff*', '*3']) assert.throws(() => inputFrom(wrong), wrong)
  })
})

if (installed('clang++')) describe('fuzzing', function () {
  this.timeout(300_000)
  let folder = ''
  let target: Target

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-fuzz-'))
    const [built] = await buildTargets(folder, ['test/fuzz/planted/planted_fuzz.cc'])
    assert.ok(built)
    target = built
  })
  after(() => rm(folder, { recursive: true, force: true }))

  const fuzzed = async (planted: string, secs: number, seeds: readonly string[] = []): Promise<Outcome> => {
    process.env['MILLRACE_PLANTED'] = planted
    try {
      return await fuzzTarget(target, { seeds: seeds.map(inputFrom), secs, seed: 1, folder: join(folder, planted), inputSecs: 1 })
    } finally {
      delete process.env['MILLRACE_PLANTED']
    }
  }

  it('finds nothing where there is nothing, and says how far it came', async () => {
    const outcome = await fuzzed('nothing', 2)
    assert.deepEqual(faultsOf(outcome), [])
    assert.ok(outcome.edges.end > outcome.edges.nothing && outcome.executions > 200 && outcome.corpus > 1 && outcome.features > 0)
  })

  const faults = [
    ['reads on', 'a byte read behind the head', /AddressSanitizer: heap-buffer-overflow/],
    ['takes back', 'an answer that does not stay', /does not hold: an answer does not change when bytes are added/],
    ['overflows', 'what UBSan reports', /runtime error: signed integer overflow/],
    ['leaks', 'a leak', /LeakSanitizer: detected memory leaks/],
    ['never ends', 'an input that keeps it for ever', /libFuzzer: timeout/],
  ] as const
  for (const [planted, what, report] of faults) {
    it(`finds ${what}, with nothing to begin with, and the input`, async () => {
      const outcome = await fuzzed(planted, 60)
      assert.equal(outcome.input?.subarray(0, 4).toString(), 'fuz!', outcome.report)
      const [fault, ...others] = faultsOf(outcome)
      assert.match(fault ?? '', report)
      assert.match(fault ?? '', /\nagain: npm run test:fuzz -- --only planted --input 66757a21/)
      assert.deepEqual(others, [])
    })
  }

  it('fails where a seed alone is enough to break something', async () => {
    const outcome = await fuzzed('reads on', 20, ['"fuz!"'])
    assert.match(faultsOf(outcome).join(), /heap-buffer-overflow/)
    assert.deepEqual(outcome.input, Buffer.from('fuz!'))
  })

  it('fails where the parser is not reached, and where hardly an input gets through', async () => {
    assert.match(faultsOf(await fuzzed('unreached', 2)).join(), /reaches 2 edges of its parser, no more than without an input/)
    assert.match(faultsOf(await fuzzed('slow', 2)).join(), /executions in \d+\.\d s, which is less than 100 a second/)
  })

  it('tries one input again', async () => {
    assert.deepEqual(await tryInput(target, Buffer.from('fuz!'), folder), { code: 0, report: '' })
    process.env['MILLRACE_PLANTED'] = 'reads on'
    const { code, report } = await tryInput(target, Buffer.from('fuz!'), folder)
    delete process.env['MILLRACE_PLANTED']
    assert.notEqual(code, 0)
    assert.match(report, /heap-buffer-overflow/)
  })

  const command = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; output: string }> => run(process.execPath, ['--import', 'tsx', 'test/fuzz/run.ts', ...args], env)

  it('ends with 1 where something was found, and with the input in hex', async () => {
    const { code, output } = await command(['--targets', 'test/fuzz/planted', '--minutes', '0.5'], { MILLRACE_PLANTED: 'reads on' })
    assert.equal(code, 1, output)
    assert.match(output, /1 targets, .*: 1 faults\n/)
    assert.match(output, /\ninput: 66757a21/)
  })

  it('says what to install where there is no clang', async () => {
    const { code, output } = await command(['--minutes', '0.05'], { PATH: folder })
    assert.equal(code, 1, output)
    assert.match(output, /clang\+\+ is not installed: apt-get install clang libclang-rt-dev/)
  })

  it('refuses a target that there is not, and an input that is none', async () => {
    const [unknown, wrong] = await Promise.all([command(['--only', 'dnss']), command(['--input', '0g'])])
    assert.equal(unknown.code, 2, unknown.output)
    assert.match(unknown.output, /"dnss" is not known: did you mean "dns"\?/)
    assert.equal(wrong.code, 2, wrong.output)
    assert.match(wrong.output, /"0g" is neither a text in quotes nor bytes in hex/)
  })
})
