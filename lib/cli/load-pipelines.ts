/**
 * Loads FILE.ts or FILE.js for `run`, `explain` and `check`. `import … from 'millrace'` in it means the version that is running,
 * the very same module, wherever the file lies and whatever is installed beside it.
 */
import { readFile } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { createJiti } from 'jiti'
import { misuse, RelayError } from '../errors.ts'
import * as millrace from '../index.ts'
import { shown } from '../options.ts'
import { isPipeline } from '../pipe.ts'
import type { AnyPipeline } from './endpoints.ts'
import { failure } from './usage.ts'

/** The pipelines that `file` exports by default, at least one; every way in which it fails is one line. */
export async function loadPipelines(file: string, { mayServe = true }: { readonly mayServe?: boolean } = {}): Promise<readonly AnyPipeline[]> {
  await checkReadable(file)
  return pipelinesOf(file, await loadModule(file, resolve(file), mayServe ? millrace : { ...millrace, serve: refuseToServe }))
}

export async function checkReadable(file: string): Promise<void> {
  await readFile(file).catch((error: unknown) => {
    throw failure(`${file}: ${unreadable(error)}`)
  })
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EISDIR') return 'is a directory, a file was expected'
  if (code === 'EACCES') return 'cannot be read: permission denied'
  return `cannot be read: ${String(error)}`
}

/** For those who only look at a file. */
function refuseToServe(): never {
  throw misuse('ERR_MILLRACE_BAD_PIPELINE', 'serve', 'the file serves by itself, so it has to be run with node or tsx; here it is only looked at')
}

async function loadModule(file: string, path: string, as: object): Promise<unknown> {
  // Without the cache no other user of a shared temporary folder can put code there; without interopDefault the
  // functions of millrace are called directly and not through a proxy.
  const jiti = createJiti(path, { fsCache: false, interopDefault: false, virtualModules: { millrace: as } })
  try {
    return await jiti.import(path)
  } catch (error) {
    throw failure(`${file}${describe(error, path)}`)
  }
}

/** `:3:10: Unexpected token`, `: cannot find module 'x'`, `:7: throws while loading: boom`. */
function describe(error: unknown, path: string): string {
  if (!(error instanceof Error)) return `: throws while loading: ${String(error)}`
  const syntax = /^ParseError: (.*?)\s*\n\s*(.*?):(\d+):(\d+)/s.exec(error.message)
  if (syntax !== null) return syntaxError(path, syntax.slice(1))
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(error.message)
  if (missing !== null) return `: cannot find module '${missing[1]}'`
  const name = error instanceof RelayError || error.name === 'Error' ? '' : `${error.name}: `
  return `${placeOf(error, path)}: throws while loading: ${name}${firstLine(error.message)}`
}

/** In the file itself or in one that it imports; columns count from 1, as editors have it. */
function syntaxError(path: string, [message = '', where = '', line = '', column = '']: readonly string[]): string {
  return `${where === path ? '' : `: ${relative('', where)}`}:${line}:${Number(column) + 1}: ${firstLine(message)}`
}

/** The first line of the file itself on the way to the error; stripping types moves columns, not lines. */
function placeOf(error: Error, path: string): string {
  const at = error.stack?.split('\n').find((line) => line.includes(`${path}:`))
  return /(:\d+):\d+(?=\)?$)/.exec(at ?? '')?.[1] ?? ''
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}

function pipelinesOf(file: string, module: unknown): readonly AnyPipeline[] {
  if (isPipeline(module)) return [module] // module.exports = pipe(…)
  const exported = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined
  const expected = 'expected `export default pipe(…)` or an array of pipelines'
  if (exported === undefined) throw failure(`${file}: has no default export: ${expected}`)
  const list: readonly unknown[] = Array.isArray(exported) ? exported : [exported]
  if (list.length === 0) throw failure(`${file}: exports an empty array: ${expected}`)
  return list.map((part, place) => {
    if (isPipeline(part)) return part
    throw failure(`${file}: the default export${Array.isArray(exported) ? `'s item ${place}` : ''} is ${shown(part)}: ${expected}`)
  })
}
