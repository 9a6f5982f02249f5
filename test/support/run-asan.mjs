/**
 * `npm run test:asan`: the suite against an addon built with AddressSanitizer and UndefinedBehaviorSanitizer, with its own checks
 * on (MILLRACE_DEBUG). Arguments go to mocha, `--halves` excepted: the files are dealt to two mochas that run side by side, since most of the
 * suite waits. (Mocha's own --parallel ends well when a worker has crashed, and its workers leave without a look for leaks worth the name.)
 * A report of any process, child processes included, fails the run and is printed.
 * LeakSanitizer looks at each mocha process when it ends; a leak counts where our code is in its stack, node's own do not.
 * Left out is where the addon has no part, or none of its own: the kernel's relaying, the figures of benches, what the command line refuses, checks
 * and prints, and the native programs, which have sanitizers of their own.
 * The build stands in build-asan/, beside the ordinary one.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'build-asan')

function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (error?.code === 'ENOENT') throw new Error(`${command} is not on the PATH: run this by "npm run test:asan"`)
  if (error) throw error
  return signal ?? status
}

/** node-gyp owns a whole build folder, so this build has sources of its own: copies, so that only what has changed is compiled. */
function build() {
  mkdirSync(folder, { recursive: true })
  rmSync(join(folder, 'addon'), { recursive: true, force: true })
  for (const source of ['addon', 'binding.gyp']) cpSync(join(root, source), join(folder, source), { recursive: true, preserveTimestamps: true })
  const gyp = ['--directory', folder, '--debug', '--loglevel=error']
  for (const args of [['configure', ...gyp, '--', '-Dsanitize=address,undefined'], ['build', ...gyp, '--jobs', 'max']]) {
    if (run('node-gyp', args) !== 0) throw new Error(`node-gyp ${args.join(' ')} failed`)
  }
  return join(folder, 'build/Debug/millrace.node')
}

/** The sanitizers' runtimes have to come before everything else, since node itself is built without them. */
function runtime(name) {
  const { stdout } = spawnSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' })
  return realpathSync(stdout.trim())
}

const addon = build()
const reports = mkdtempSync(join(tmpdir(), 'millrace-asan-'))
const env = {
  ...process.env,
  MILLRACE_ADDON: addon,
  MILLRACE_SANITIZED: '1',
  LD_PRELOAD: `${runtime('libasan.so')} ${runtime('libubsan.so')}`,
  ASAN_OPTIONS: `detect_leaks=1:exitcode=99:log_path=${join(reports, 'asan')}:quarantine_size_mb=64:strict_string_checks=1:detect_stack_use_after_return=0`,
  LSAN_OPTIONS: 'exitcode=0:report_objects=0',
  // GCC's libubsan writes to the standard error, whatever its log_path; child.ts keeps what child processes wrote there.
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1:exitcode=99',
  MILLRACE_REPORTS: reports,
}

const mocha = [join(root, 'node_modules/mocha/bin/mocha.js'), '--node-option', `import=${join(root, 'test/support/leaks-here-only.mjs')}`, '--timeout', '300000']
const leftOut = [
  'test/offload/**',
  'test/bench/**',
  'test/cli/{bad-input,doctor,offload,output,run,units}.test.ts',
  'test/native/{fuzz,leaves,regexp,shards}.test.ts',
].flatMap((spec) => ['--ignore', spec])
const args = process.argv.slice(2).filter((arg) => arg !== '--halves')
const results = process.argv.includes('--halves') ? await halves() : [run(process.execPath, [...mocha, ...leftOut, ...args], { env })]

/** Each has every other file. What the second says is printed when both have ended, and behind it once more how the first ended, where that failed. */
async function halves() {
  const files = readdirSync(join(root, 'test'), { recursive: true }).filter((name) => name.endsWith('.test.ts')).sort()
  const said = ['', '']
  const ends = await Promise.all(said.map((_, half) => {
    const others = files.filter((_, i) => i % 2 !== half).flatMap((name) => ['--ignore', join('test', name)])
    const one = spawn(process.execPath, [...mocha, ...leftOut, ...others, ...args], { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] })
    one.stdout.setEncoding('utf8').on('data', (text) => {
      said[half] += text
      if (half === 0) process.stdout.write(text)
    })
    return once(one, 'close')
  }))
  process.stdout.write(said[1])
  const results = ends.map(([code, signal]) => signal ?? code)
  if (results[0] !== 0) process.stdout.write(ending(said[0]))
  return results
}

/** How many passed and which did not; the last lines where a mocha ended before it could say that. */
function ending(text) {
  const summary = text.lastIndexOf(' passing')
  return text.slice(summary === -1 ? -4000 : text.lastIndexOf('\n', summary))
}

/** What is to be told of a log: all of it, or of LeakSanitizer's the stacks with our code in it. */
function relevant(log) {
  if (!log.includes('LeakSanitizer: detected memory leaks')) return log
  return log.split('\n\n').filter((stack) => stack.includes('leak of') && /millrace\.node|\baddon\/(core|stage|relay|node)\//.test(stack)).join('\n\n')
}

const found = readdirSync(reports).map((name) => relevant(readFileSync(join(reports, name), 'utf8'))).filter((log) => log.trim() !== '')
for (const log of found) console.error(`\n${log}`)
rmSync(reports, { recursive: true, force: true })
console.log(`sanitizers: ${found.length === 0 ? 'no report' : `${found.length} reports`}; mocha ended with ${results.join(' and ')}`)
process.exitCode = results.every((result) => result === 0) && found.length === 0 ? 0 : 1
