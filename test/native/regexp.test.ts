/** Regular expressions as the addon runs them, under ASan and UBSan, beside JavaScript's own. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import fc from 'fast-check'
import { RelayError } from '../../lib/errors.ts'
import { compileRegexp } from '../../lib/regexp-program.ts'
import { plainEnv } from '../support/child.ts'
import { compile } from '../support/compile.ts'
import { seed } from '../support/seeded.ts'

/** For each beginning of a head, from none of it to all: y, n or m while more may come, and y or n where that is all. */
type Answers = { readonly open: string; readonly final: string; readonly steps: number; readonly instructions: number }

describe('regexp, natively', function () {
  this.timeout(300_000)
  let folder = ''
  let child: ChildProcessByStdio<Writable, Readable, null> | undefined
  let lines: AsyncIterator<string>

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-regexp-'))
    const program = join(folder, 'regexp_test')
    await compile(folder, program, ['addon/stage/regexp.cc', 'addon/stage/client_hello.cc', 'addon/stage/http_head.cc', 'test/native/regexp_test.cc'], ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'])
    child = spawn(program, { env: plainEnv(), stdio: ['pipe', 'pipe', 'inherit'] })
    lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  })
  after(async () => {
    if (child !== undefined) {
      const exit = once(child, 'exit')
      child.stdin.end()
      assert.deepEqual(await exit, [0, null], 'what the sanitizers say')
    }
    await rm(folder, { recursive: true, force: true })
  })

  async function ask(pattern: RegExp, head: string, maxBytes = 1_024): Promise<Answers> {
    const { code, sets } = compileRegexp(pattern, maxBytes)
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex') || '-'
    child?.stdin.write(`${maxBytes} ${code.join(',')} ${hex(Buffer.concat(sets))} ${hex(Buffer.from(head, 'latin1'))}\n`)
    const line = String((await lines.next()).value)
    const [open = '', final = '', steps] = line.split(' ')
    assert.equal(final.length, head.length + 1, `${String(pattern)} for ${JSON.stringify(head)}: ${line}`)
    return { open, final, steps: Number(steps), instructions: code.length / 3 }
  }

  const cases: readonly (readonly [pattern: RegExp, head: string, open: string, final?: string])[] = [
    [/^GET /, 'GET /', 'mmmmyy'],
    [/^GET /, 'GEX /', 'mmmnnn'],
    [/^(?:GET|PUT) \S+ HTTP\/1\.[01]\r\n/, 'PUT / HTTP/1.1\r\n', `${'m'.repeat(16)}y`],
    [/^(?:GET|PUT) \S+ HTTP\/1\.[01]\r\n/, 'PUT / HTTP/2', `${'m'.repeat(12)}n`],
    [/b/, 'aab', 'mmmy'],
    [/(?:)/, 'a', 'yy'],
    [/x*/, 'a', 'yy'],
    [/[]/, 'a', 'nn'],
    [/^a[^]*b/, 'axb', 'mmmy'],
    [/^a$/, 'ab', 'mmn', 'nyn'],
    [/a$/, 'aba', 'mmmm', 'nyny'],
    [/^a$/m, 'a\nb', 'mmyy', 'nyyy'],
    [/^b/m, 'a\nb', 'mmmy'],
    [/^a\b/, 'ab', 'mmn', 'nyn'],
    [/^a\b/, 'a b', 'mmyy', 'nyyy'],
    [/^a\B/, 'ab', 'mmy', 'nny'],
    [/a.c/, 'a\nc', 'mmmm', 'nnnn'],
    [/a.c/s, 'a\nc', 'mmmy'],
    [/^abc/i, 'aBC', 'mmmy'],
    [/^\xff[^\x00-\x7f]$/, '\xff\x80', 'mmm', 'nny'],
    [/^(?<name>a)(b)?$/, 'ab', 'mmm', 'nyy'],
    [/^a{2,3}$/, 'aaaa', 'mmmmn', 'nnyyn'],
    [/^a{0}b/, 'b', 'my'],
    [/^(?:){1000000000,}a/, 'a', 'my'],
    [/^(?:a*)*$/, 'aab', 'mmmn', 'yyyn'],
    [/(?:^|x)y/, 'ay', 'mmm', 'nnn'],
    [/^a|b/, 'cb', 'mmy'],
    [/{"a]/, '{"a]', 'mmmmy'],
  ]
  for (const [pattern, head, open, final] of cases) {
    it(`${String(pattern)} says ${open} to the beginnings of ${JSON.stringify(head)}`, async () => {
      const answers = await ask(pattern, head)
      assert.deepEqual([answers.open, answers.final], [open, final ?? open.replaceAll('m', 'n')])
    })
  }

  it('within maxBytes, with one byte behind them that only an edge may look at', async () => {
    const answers = async (pattern: RegExp, head: string): Promise<string> => (await ask(pattern, head, 2)).open
    assert.equal(await answers(/c/, 'abc'), 'mmnn')
    assert.equal(await answers(/b/, 'ab'), 'mmy')
    assert.equal(await answers(/b\b/, 'ab '), 'mmmy')
    assert.equal(await answers(/b\b/, 'abc'), 'mmmn')
    assert.equal(await answers(/b$/, 'abc'), 'mmmn')
    assert.equal((await ask(/b$/, 'ab', 2)).final, 'nny')
    assert.equal((await ask(/b$/, 'abc', 2)).final, 'nnyn')
  })

  it('takes steps in proportion to bytes, whatever makes a backtracker take years', async () => {
    const slow = [[/^(a+)+$/, 'a'], [/^(a|a)*$/, 'a'], [/^(a|aa)+$/, 'a'], [/(a*)*b/, 'a'], [/^(?:.*,){11}P/, ','], [/(x+x+)+y/, 'x'], [/^((a{0,9}){0,9}){0,9}$/, 'a'], [/(?:a?){30}a{30}b/, 'a']] as const
    for (const [pattern, filler] of slow) {
      for (const bytes of [100, 400]) {
        const { final, steps, instructions } = await ask(pattern, `${filler.repeat(bytes - 1)}!`)
        assert.equal(final.at(-1), 'n', String(pattern))
        assert(steps > bytes && steps <= 2 * instructions * (bytes + 1), `${String(pattern)}: ${steps} steps for ${bytes} bytes and ${instructions} instructions`)
      }
    }
  })

  it('agrees with JavaScript at every end, and never takes back what it has said', async () => {
    let yes = 0
    await fc.assert(
      fc.asyncProperty(patterns, fc.array(heads, { minLength: 1, maxLength: 4 }), async (pattern, some) => {
        for (const head of some) {
          const { open, final } = await ask(pattern, head)
          let said = 'm'
          for (let length = 0; length <= head.length; length++) {
            const expected = pattern.test(head.slice(0, length)) ? 'y' : 'n'
            const where = `${String(pattern)} for ${JSON.stringify(head.slice(0, length))}`
            assert.equal(final[length], expected, `${where} at the end`)
            const now = open[length]
            if (said !== 'm') assert.equal(now, said, `${where} takes back an answer`)
            if (now === 'y') assert.equal(expected, 'y', `${where} says yes too early`)
            if (now === 'n') assert.equal(expected, 'n', where)
            // Where no edge looks at what follows, yes needs nothing more.
            if (!/\$|\\b/i.test(pattern.source)) assert.equal(now === 'y', expected === 'y', `${where} waits`)
            said = now ?? 'm'
            yes += Number(now === 'y')
          }
        }
      }),
      { seed: seed(), numRuns: 3_000 },
    )
    assert(yes > 1_000, `there is something to compare: ${yes} times yes`)
  })
})

const characters = ['a', 'b', 'B', '1', '_', ' ', '\n', '\r', '\xe9', '\xc9', '\xff', '\xb5', '\0'] as const
const heads = fc.array(fc.constantFrom(...characters), { maxLength: 9 }).map((list) => list.join(''))

const atoms = fc.constantFrom('a', 'b', '1', '_', ' ', '\\n', '\\r', '\\xe9', '\\xff', '\\0', '.', '\\w', '\\W', '\\d', '\\D', '\\s', '\\S', '[ab]', '[^a]', '[a-z\\n]', '[^\\s\\d]', '[\\x80-\\uffff]', '[^]', '[]', '[\\b-]', '\\cJ', '\\/')
const edges = fc.constantFrom('^', '$', '\\b', '\\B')
const counts = fc.constantFrom('*', '+', '?', '*?', '+?', '??', '{2}', '{0,2}', '{1,3}?', '{2,}', '{0}')

const sources = fc.letrec<{ source: string; alternative: string; element: string; group: string }>((tie) => ({
  source: fc.array(tie('alternative'), { minLength: 1, maxLength: 3 }).map((list) => list.join('|')),
  alternative: fc.array(tie('element'), { maxLength: 4 }).map((list) => list.join('')),
  element: fc.oneof({ depthSize: 'small', withCrossShrink: true }, atoms, edges, fc.tuple(atoms, counts).map(([atom, count]) => atom + count), tie('group'), fc.tuple(tie('group'), counts).map(([group, count]) => group + count)),
  group: fc.tuple(fc.constantFrom('(', '(?:'), tie('source')).map(([open, source]) => `${open}${source})`),
})).source

/** All but those that repeat what is repeated until they are too large to be run; that they are refused is said elsewhere. */
const patterns = fc
  .tuple(sources, fc.subarray(['i', 'm', 's']))
  .map(([source, flags]) => new RegExp(source, flags.join('')))
  .filter((pattern) => !tooLarge(pattern))

function tooLarge(pattern: RegExp): boolean {
  try {
    compileRegexp(pattern, 1_024)
    return false
  } catch (error) {
    if (error instanceof RelayError && error.message.includes('becomes more than 4096 instructions')) return true
    throw error
  }
}
