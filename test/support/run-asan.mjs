/**
 * `npm run test:asan`: the suite against an addon built with AddressSanitizer and UndefinedBehaviorSanitizer, with its own checks
 * on (MILLRACE_DEBUG). Arguments go to mocha. A report of any process, child processes included, fails the run and is printed.
 * LeakSanitizer looks at the mocha process when it ends; a leak counts where our code is in its stack, node's own do not.
 * Left out is where the addon has no part: the kernel's relaying, the figures of benches, and fuzzing, which has sanitizers of its own.
 * The build stands in build-asan/, beside the ordinary one.
 */
import { spawnSync } from 'node:child_process'
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
const withoutAddon = ['test/offload/**', 'test/bench/**', 'test/native/fuzz.test.ts'].flatMap((spec) => ['--ignore', spec])
const result = run(process.execPath, [...mocha, ...withoutAddon, ...process.argv.slice(2)], { env })

/** What is to be told of a log: all of it, or of LeakSanitizer's the stacks with our code in it. */
function relevant(log) {
  if (!log.includes('LeakSanitizer: detected memory leaks')) return log
  return log.split('\n\n').filter((stack) => stack.includes('leak of') && /millrace\.node|\baddon\/(core|stage|relay|node)\//.test(stack)).join('\n\n')
}

const found = readdirSync(reports).map((name) => relevant(readFileSync(join(reports, name), 'utf8'))).filter((log) => log.trim() !== '')
for (const log of found) console.error(`\n${log}`)
rmSync(reports, { recursive: true, force: true })
console.log(`sanitizers: ${found.length === 0 ? 'no report' : `${found.length} reports`}; mocha ended with ${result}`)
process.exitCode = result === 0 && found.length === 0 ? 0 : 1
