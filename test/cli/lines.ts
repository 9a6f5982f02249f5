/** What a running command has printed, and its end. */
import assert from 'node:assert/strict'
import type { Child } from '../support/child.ts'

export type JsonLine = { readonly type: string } & Readonly<Record<string, unknown>>

function isJsonLine(value: unknown): value is JsonLine {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/** Every line on stdout, each of which must be a JSON object with a type. */
export function jsonLines(program: Child): readonly JsonLine[] {
  return program.stdout().trimEnd().split('\n').map((line) => {
    const object: unknown = JSON.parse(line)
    assert(isJsonLine(object), line)
    return object
  })
}

/** `127.0.0.1:40123` in the ready line `listening udp 127.0.0.1:40123 -> …`. */
export async function readyUdp(program: Child): Promise<string> {
  const [, address = ''] = await program.line(/^listening udp (\S+:[1-9]\d*) -> /)
  return address
}

/** Ends it as an operator does, and it has nothing to complain about. */
export async function finish(program: Child): Promise<void> {
  program.kill('SIGTERM')
  assert.equal((await program.exited).code, 0, program.stderr())
}
