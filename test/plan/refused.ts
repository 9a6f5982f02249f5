/** Misuse is refused at the call that caused it, by a RelayError that names the part and says in one line what is wrong. */
import assert from 'node:assert/strict'
import { RelayError } from '../../lib/index.ts'

export function refused(act: () => unknown, code: string, message: string): void {
  assert.throws(act, (error) => {
    checkRefusal(error, code, message)
    return true
  })
}

export async function rejected(promise: Promise<unknown>, code: string, message: string): Promise<void> {
  await assert.rejects(promise, (error) => {
    checkRefusal(error, code, message)
    return true
  })
}

function checkRefusal(error: unknown, code: string, message: string): void {
  assert(error instanceof RelayError, `a RelayError, not ${String(error)}`)
  assert.equal(error.message, message)
  assert.equal(error.code, code)
  assert.equal(error.node, message.slice(0, message.indexOf(': ')))
  assert.equal(error.name, 'RelayError')
}
