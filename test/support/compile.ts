/** Compiles plain C++ of the addon and of a test into a program. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

const flags = [
  ...['-std=c++20', '-O1', '-g1', '-D_GNU_SOURCE', '-fno-exceptions', '-fno-rtti', '-Wall', '-Wextra', '-Werror', '-Wshadow'],
  ...['-Wno-missing-field-initializers', '-Wno-unused-parameter', '-Iaddon', '-Itest/native'],
]

/** Runs a program in the repository's root, without the sanitizer that this process may be under; its exit code and all it wrote. */
export async function run(command: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<{ code: number | null; output: string }> {
  const { LD_PRELOAD: _, ...env } = process.env
  const child = spawn(command, args, { cwd: root, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)))
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  return { code, output }
}

export async function succeed(command: string, args: readonly string[]): Promise<string> {
  const { code, output } = await run(command, args)
  assert.equal(code, 0, `${command} ended with ${code}:\n${output}`)
  return output
}

/** Compiles the sources into objects in `folder`, as many at once as there are processors. Gives them in the order of the sources. */
export async function objectsOf(folder: string, sources: readonly string[], options: readonly string[], compiler = 'g++'): Promise<readonly string[]> {
  const objects = sources.map((source, i) => join(folder, `${i}-${basename(source)}.o`))
  const left = sources.map((source, i) => [source, objects[i] ?? ''] as const)
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await succeed(compiler, [...flags, ...options, '-c', next[0], '-o', next[1]])
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
  return objects
}

/** Compiles the sources and links them. `folder` takes the objects. */
export async function compile(folder: string, program: string, sources: readonly string[], sanitize: readonly string[]): Promise<void> {
  await succeed('g++', [...sanitize, ...await objectsOf(folder, sources, sanitize), '-o', program])
}
