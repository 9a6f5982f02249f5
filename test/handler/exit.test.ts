/** How a process with relays ends: by process.exit from anywhere, by an error of a handler's making, and by itself when nothing is left. */
import assert from 'node:assert/strict'
import { child, root, type Child } from '../support/child.ts'
import { within } from '../support/until.ts'

async function ended(name: string, check: (program: Child) => void, code = 0): Promise<void> {
  await using program = child(process.execPath, ['--import', 'tsx', `${root}test/support/exit-child.ts`, name])
  const exit = await within(program.exited, () => `the process to end\n${program.stdout()}${program.stderr()}`, 40_000)
  assert.deepEqual(exit, { code, signal: null }, `${program.stdout()}${program.stderr()}`)
  assert.match(program.stdout(), /^serving$/m)
  check(program)
}

const silently = (program: Child): void => assert.equal(program.stderr(), '')

describe('process.exit with live sessions', () => {
  for (const name of ['exit, own thread', 'exit, embedded', 'exit while closing']) {
    it(`${name}: the code is kept, five times in a row`, async () => {
      for (let i = 0; i < 5; i++) await ended(name, silently, 3)
    })
  }
  for (const where of ['inspect', 'decide', 'transform', 'open', 'data', 'close', 'onEvents, own thread', 'onEvents, embedded']) {
    it(`from within ${where}: nothing is told to a handler after it, and the code is kept`, () => ended(`exit in ${where}`, silently, 3))
  }
})

describe('what a handler has started and then throws', () => {
  for (const [what, message] of [['timer', 'from a timer'], ['microtask', 'from a microtask'], ['rejection', 'Error: that nobody handles']] as const) {
    it(`${what}: uncaughtException is told, and the sessions go on`, () => ended(`caught ${what}`, (program) => {
      assert.match(program.stdout(), new RegExp(`^caught ${message}$`, 'm'))
      silently(program)
    }))

    it(`${what}: without a listener the process ends with code 1 and the error, not by a signal`, () => ended(`fatal ${what}`, (program) => {
      assert.ok(program.stderr().includes(message), program.stderr())
    }, 1))
  }
})

describe('a process with relays ends by itself', () => {
  for (const name of ['own thread', 'embedded', 'both, without a session', 'sessions reset', 'closed at once, not awaited', 'names and a pending decision']) {
    it(`when all is closed: ${name}`, () => ended(`ends: ${name}`, silently))
  }

  it('when what could not be bound is all that there was to serve beside it', () => ended('ends: refused', (program) => {
    assert.match(program.stdout(), /^RelayError.*: listen EADDRINUSE 127\.0\.0\.1:\d+$/m)
  }))
})

describe('relays in several threads', () => {
  it('work side by side, and one thread ends without the others', () => ended('two threads', (program) => {
    assert.match(program.stdout(), /^one thread is left$/m)
    silently(program)
  }))
})
