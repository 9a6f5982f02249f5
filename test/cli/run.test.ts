/** `millrace run`, `explain` and `check` with files of all kinds, good and bad, outside of this package. Not run under sanitizers: what is served is an echo. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { complains, readyAddress, runCli, startCli } from '../support/cli.ts'
import { connect, destroyPeers, listen } from '../support/peers.ts'

const echo = "pipe(listen(tcp('127.0.0.1:0')), echo())"
const names = "import { echo, inspect, listen, pass, pipe, tcp, allow } from 'millrace'\n"

describe('a file of pipelines', () => {
  let folder = ''
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-run-'))
    await writeFile(join(folder, 'broken.ts'), 'const x = ;\n')
  })
  after(() => rm(folder, { recursive: true }))
  afterEach(destroyPeers)

  /** Runs a command on a file with this text, in the file's folder. */
  async function on(command: string, file: string, text: string) {
    await writeFile(join(folder, file), text)
    return runCli([command, file], { cwd: folder })
  }

  async function roundTrip(address: string): Promise<string> {
    const peer = await connect(address)
    await peer.end('hello')
    return (await peer.readAll()).text
  }

  const good: readonly (readonly [string, string, string])[] = [
    ['a TypeScript module', 'good.ts', `${names}const one: { readonly n: number } = { n: 1 }\nexport default [${echo}].slice(0, one.n)\n`],
    ['a JavaScript module', 'good.mjs', `${names}export default ${echo}\n`],
    ['a .js file in a folder without a package.json', 'good.js', `${names}export default ${echo}\n`],
    ['a CommonJS module', 'good.cjs', `const { echo, listen, pipe, tcp } = require('millrace')\nmodule.exports = ${echo}\n`],
    ['a module that awaits', 'awaits.ts', `${names}await Promise.resolve()\nexport default ${echo}\n`],
    ['a module that imports another one', 'imports.ts', "import { mine } from './mine.ts'\nexport default mine\n"],
  ]
  for (const [what, file, text] of good) {
    it(`run serves ${what}`, async () => {
      await writeFile(join(folder, 'mine.ts'), `${names}export const mine = ${echo}\n`)
      await writeFile(join(folder, file), text)
      await using program = startCli(['run', file], { cwd: folder })
      assert.equal(await roundTrip(await readyAddress(program)), 'hello')
      program.kill('SIGTERM')
      assert.equal((await program.exited).code, 0, program.stderr())
    })
  }

  it('run serves several pipelines, each with its ready line, and says a handler that throws', async () => {
    await writeFile(join(folder, 'two.ts'), `${names}const broken = inspect(() => {\n  throw new Error('boom')\n})\nexport default [${echo}, pipe(listen(tcp('[::1]:0')), broken, echo())]\n`)
    await using program = startCli(['run', 'two.ts', '--log'], { cwd: folder })
    const [, one = ''] = await program.line(/^listening tcp (127\.0\.0\.1:\d+) -> echo$/)
    const [, two = ''] = await program.line(/^listening tcp (\[::1\]:\d+) -> echo$/)
    assert.equal(await roundTrip(one), 'hello')
    assert.equal(await roundTrip(two), '')
    await program.line(/^millrace: run: session \d+ of \[::1\]:\d+: Error: boom$/)
    await program.line(/^ +at .*two\.ts:3:/)
    await program.line(/^closed \S+ handlerError \(boom\), /)
    program.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
  })

  it('run ends although the file has left something open', async () => {
    await writeFile(join(folder, 'timer.ts'), `${names}setInterval(() => undefined, 1000)\nexport default ${echo}\n`)
    await using program = startCli(['run', 'timer.ts'], { cwd: folder })
    await readyAddress(program)
    program.kill('SIGTERM')
    assert.equal((await program.exited).code, 0)
  })

  it('run leaves nothing behind where the second of two pipelines cannot be set up', async () => {
    const taken = await listen()
    await writeFile(join(folder, 'half.ts'), `import { echo, listen, pipe, tcp, unix } from 'millrace'
export default [pipe(listen(unix('half.sock')), echo()), pipe(listen(tcp('${taken.address}')), echo())]
`)
    await complains(['run', 'half.ts'], `millrace: run: listen EADDRINUSE ${taken.address}`, 1, { cwd: folder })
    assert.ok(!(await readdir(folder)).includes('half.sock'))
    assert.equal(taken.count(), 0)
  })

  it('millrace in a file means the version that runs it, whatever is installed beside the file', async () => {
    const installed = join(folder, 'node_modules', 'millrace')
    await mkdir(installed, { recursive: true })
    await writeFile(join(installed, 'package.json'), '{ "name": "millrace", "type": "module", "exports": "./index.js" }')
    await writeFile(join(installed, 'index.js'), "throw new Error('this is the other one')")
    assert.equal((await on('explain', 'other.ts', `${names}export default ${echo}\n`)).code, 0)
    await rm(join(folder, 'node_modules'), { recursive: true })
  })

  const bad: readonly (readonly [string, string, string, string])[] = [
    ['a syntax error', 'syntax.ts', `${names}const x = ;\nexport default x\n`, 'syntax.ts:2:11: Unexpected token'],
    ['a file that throws', 'throws.ts', `${names}\ntype Nothing = undefined\n\nthrow new TypeError('boom\\nand more')\n`, 'throws.ts:5: throws while loading: TypeError: boom'],
    ['a file that throws no error', 'throws-text.ts', "throw 'boom'\n", 'throws-text.ts: throws while loading: boom'],
    ['a part that refuses its arguments', 'cidr.ts', `${names}export default pipe(\n  listen(tcp('127.0.0.1:0')),\n  allow('10.0.0.0/33'),\n  echo(),\n)\n`, 'cidr.ts:4: throws while loading: allow: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32'],
    ['a type error that throws', 'type.ts', `${names}export default pipe(listen(tcp(8080)), echo())\n`, 'type.ts:2: throws while loading: tcp: 8080 is not an address: expected a string such as "127.0.0.1:8080"'],
    ['a syntax error in a module it imports', 'outer.ts', "import x from './broken.ts'\nexport default x\n", 'outer.ts: broken.ts:1:11: Unexpected token'],
    ['an import of nothing', 'import.ts', "import x from 'no-such-package'\nexport default x\n", "import.ts: cannot find module 'no-such-package'"],
    ['no default export', 'none.ts', 'export const a = 1\n', 'none.ts: has no default export: expected `export default pipe(…)` or an array of pipelines'],
    ['an empty file', 'empty.ts', '', 'empty.ts: has no default export: expected `export default pipe(…)` or an array of pipelines'],
    ['an empty array', 'no-items.ts', 'export default []\n', 'no-items.ts: exports an empty array: expected `export default pipe(…)` or an array of pipelines'],
    ['something else', 'text.ts', "export default 'hello'\n", 'text.ts: the default export is "hello": expected `export default pipe(…)` or an array of pipelines'],
    ['a part that is no pipeline', 'part.ts', `${names}export default echo()\n`, 'part.ts: the default export is the part echo: expected `export default pipe(…)` or an array of pipelines'],
    ['a promise', 'promise.ts', 'export default Promise.resolve(1)\n', 'promise.ts: the default export is a promise: expected `export default pipe(…)` or an array of pipelines'],
    ['one wrong item', 'item.ts', `${names}export default [${echo}, undefined]\n`, "item.ts: the default export's item 1 is undefined: expected `export default pipe(…)` or an array of pipelines"],
  ]
  for (const [what, file, text, line] of bad) {
    for (const command of ['run', 'explain']) {
      it(`${command} says in one line: ${what}`, async () => {
        await writeFile(join(folder, file), text)
        await complains([command, file], `millrace: ${command}: ${line}`, 1, { cwd: folder })
      })
    }
  }

  for (const command of ['run', 'explain', 'check']) {
    it(`${command} says in one line: no such file, or a folder`, async () => {
      await complains([command, 'nowhere.ts'], `millrace: ${command}: nowhere.ts: no such file`, 1, { cwd: folder })
      await complains([command, '.'], `millrace: ${command}: .: is a directory, a file was expected`, 1, { cwd: folder })
    })
  }

  it('explain says for each part where it runs', async () => {
    const { code, stdout } = await on('explain', 'explained.ts', `${names}export default pipe(listen(tcp('127.0.0.1:0')), allow('10.0.0.0/8'), inspect(() => pass()), echo())\n`)
    assert.equal(code, 0)
    assert.match(stdout, /allow.*native/)
    assert.match(stdout, /inspect.*js/)
    assert.match(stdout, /echo.*native/)
  })

  it('check accepts a good file', async () => {
    const { code, stdout, stderr } = await on('check', 'checked.ts', `${names}console.error(process.version, Buffer.alloc(0))\nexport default [${echo}, ${echo}]\n`)
    assert.equal(stdout, 'checked.ts: 2 pipelines, no errors\n')
    assert.match(stderr, /^v\d+/)
    assert.equal(code, 0)
  })

  it('check finds type errors, a line each, at their place', async () => {
    const { code, stdout, stderr } = await on('check', 'wrong.ts', `${names}const port: number = '8080'\nexport default pipe(listen(tcp('127.0.0.1')), echo(), allow('10.0.0.0/8'))\n`)
    assert.equal(stdout, '')
    assert.equal(code, 1)
    const lines = stderr.trimEnd().split('\n')
    assert.match(lines[0] ?? '', /^millrace: check: wrong\.ts:2:7: Type 'string' is not assignable to type 'number'\.$/)
    assert.match(lines[1] ?? '', /^millrace: check: wrong\.ts:3:32: Argument of type '"127\.0\.0\.1"' is not assignable/)
    assert.ok(lines.slice(1).every((line) => /^millrace: check: wrong\.ts:3:\d+: /.test(line)), stderr)
  })

  it('check says so where typescript is not installed, and does the rest', async () => {
    await writeFile(join(folder, 'hide.cjs'), `const Module = require('node:module')
const resolve = Module._resolveFilename
Module._resolveFilename = (name, ...rest) => resolve(name === 'typescript' ? 'no-typescript-here' : name, ...rest)
`)
    await writeFile(join(folder, 'unchecked.ts'), `${names}export default ${echo}\n`)
    const { code, stdout, stderr } = await runCli(['check', 'unchecked.ts'], { cwd: folder, env: { NODE_OPTIONS: `--require ${join(folder, 'hide.cjs')}` } })
    assert.equal(stderr, '')
    assert.equal(stdout, 'unchecked.ts: 1 pipeline, types not checked: typescript is not installed\n')
    assert.equal(code, 0)
  })

  it('check says so where the only typescript has no API, and which has one', async () => {
    await mkdir(join(folder, 'node_modules', 'typescript'), { recursive: true })
    await writeFile(join(folder, 'node_modules', 'typescript', 'index.js'), "module.exports = { version: '7.0.2', versionMajorMinor: '7.0' }")
    await writeFile(join(folder, 'hide-ours.cjs'), `const Module = require('node:module')
const resolve = Module._resolveFilename
const ours = (parent) => parent?.filename.includes('type-check')
Module._resolveFilename = (name, parent, ...rest) => resolve(name === 'typescript' && ours(parent) ? 'no-typescript-here' : name, parent, ...rest)
`)
    await writeFile(join(folder, 'seven.ts'), `${names}export default ${echo}\n`)
    const seven = await runCli(['check', 'seven.ts'], { cwd: folder, env: { NODE_OPTIONS: `--require ${join(folder, 'hide-ours.cjs')}` } })
    assert.equal(seven.stdout, 'seven.ts: 1 pipeline, types not checked: typescript 7.0.2 has no API for this: install typescript@6\n')
    assert.equal(seven.code, 0)
    // Another one beside millrace is used instead.
    assert.equal((await runCli(['check', 'seven.ts'], { cwd: folder })).stdout, 'seven.ts: 1 pipeline, no errors\n')
    await rm(join(folder, 'node_modules'), { recursive: true })
  })

  it('check finds a syntax error, a part that refuses its arguments, and what run would', async () => {
    const syntax = await on('check', 'syntax.ts', `${names}const x = ;\nexport default ${echo}\n`)
    assert.equal(syntax.stderr, 'millrace: check: syntax.ts:2:11: Expression expected.\n')
    const cidr = await on('check', 'cidr.ts', `${names}export default pipe(listen(tcp('127.0.0.1:0')), allow('10.0.0.0/33'), echo())\n`)
    assert.equal(cidr.stderr, 'millrace: check: cidr.ts:2: throws while loading: allow: "10.0.0.0/33" is not a CIDR: an IPv4 prefix is 0 to 32\n')
    assert.deepEqual([syntax.code, cidr.code], [1, 1])
  })

  for (const command of ['check', 'explain']) {
    it(`${command} serves nothing, also where the file would`, async () => {
      const { code, stdout, stderr } = await on(command, 'serves.ts', `import { echo, listen, pipe, serve, tcp } from 'millrace'\nexport const server = serve(pipe(listen(tcp('127.0.0.1:0')), echo()))\n`)
      assert.deepEqual([code, stdout], [1, ''])
      assert.equal(stderr, `millrace: ${command}: serves.ts:2: throws while loading: serve: the file serves by itself, so it has to be run with node or tsx; here it is only looked at\n`)
    })
  }
})
