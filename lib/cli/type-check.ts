/**
 * The static half of `check FILE`: the errors that TypeScript finds in the file and in what it imports, each as FILE:LINE:COL.
 * `typescript` is an optional peer; the file's own project comes first, then whatever is installed beside millrace.
 */
import { createRequire } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as typescript from 'typescript'

type TypeScript = typeof typescript

/** The errors, or why types could not be checked. */
export type TypeCheck = { readonly errors: readonly string[]; readonly unchecked?: string }

export function typeCheck(file: string): TypeCheck {
  const path = resolve(file)
  const ts = findTypeScript(path)
  if (typeof ts === 'string') return { errors: [], unchecked: ts }
  const program = ts.createProgram([path], compilerOptions(ts, path))
  const found = ts.getPreEmitDiagnostics(program).filter((item) => item.category === ts.DiagnosticCategory.Error)
  return { errors: found.map((item) => describe(ts, item)) }
}

/** The first TypeScript with a compiler API, which version 7 has not, or why there is none. */
function findTypeScript(path: string): TypeScript | string {
  let why = 'typescript is not installed'
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      const found: unknown = createRequire(from)('typescript')
      if (isTypeScript(found)) return found
      why = `typescript${versionOf(found)} has no API for this: install typescript@6`
    } catch {
      // Not installed there.
    }
  }
  return why
}

function versionOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'version' in value ? ` ${String(value.version)}` : ''
}

function isTypeScript(value: unknown): value is TypeScript {
  return typeof value === 'object' && value !== null && 'createProgram' in value && 'getPreEmitDiagnostics' in value
}

/** The options of the nearest tsconfig.json, or strict ones; `millrace` means the running version, as it does in `run`. */
function compilerOptions(ts: TypeScript, path: string): typescript.CompilerOptions {
  const config = ts.findConfigFile(dirname(path), (name) => ts.sys.fileExists(name))
  const own = config === undefined ? defaults(ts) : readConfig(ts, config)
  const declarations = fileURLToPath(new URL('../index.d.ts', import.meta.url))
  return {
    ...own,
    noEmit: true,
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    rewriteRelativeImportExtensions: false,
    allowJs: true,
    paths: { ...own.paths, millrace: [declarations] },
    ...nodeTypes(own, path),
  }
}

function defaults(ts: TypeScript): typescript.CompilerOptions {
  return {
    strict: true,
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    // A default export in a package that says nothing about modules is ESM, as it is when run.
    moduleDetection: ts.ModuleDetectionKind.Force,
  }
}

function readConfig(ts: TypeScript, config: string): typescript.CompilerOptions {
  const read = ts.readConfigFile(config, (name) => ts.sys.readFile(name))
  const json: unknown = read.config
  if (read.error !== undefined) return defaults(ts)
  return ts.parseJsonConfigFileContent(json, ts.sys, dirname(config)).options
}

/** A file outside any project may still say `process`: @types/node is taken from beside millrace where the file has none. */
function nodeTypes(own: typescript.CompilerOptions, path: string): typescript.CompilerOptions {
  if (own.types !== undefined || own.typeRoots !== undefined) return {}
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      const root = dirname(createRequire(from).resolve('@types/node/package.json'))
      return { types: ['node'], typeRoots: [dirname(root)] }
    } catch {
      // Not installed there.
    }
  }
  return {}
}

function describe(ts: TypeScript, item: typescript.Diagnostic): string {
  const message = ts.flattenDiagnosticMessageText(item.messageText, ' ').replace(/\s+/g, ' ')
  if (item.file === undefined || item.start === undefined) return message
  const { line, character } = item.file.getLineAndCharacterOfPosition(item.start)
  return `${relative('', item.file.fileName)}:${line + 1}:${character + 1}: ${message}`
}
