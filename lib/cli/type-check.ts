/**
 * The static half of `check FILE`: the errors that TypeScript finds in the file and in what it imports, each as FILE:LINE:COL.
 * `typescript` is an optional peer; the file's own project comes first, then whatever is installed beside millrace.
 */
import { createRequire } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type * as typescript from 'typescript'

type TypeScript = typeof typescript

export type TypeCheck = { readonly checked: boolean; readonly errors: readonly string[] }

/** Checks `file`; `checked` is false where no TypeScript with a compiler API can be found. */
export function typeCheck(file: string): TypeCheck {
  const path = resolve(file)
  const ts = findTypeScript(path)
  if (ts === undefined) return { checked: false, errors: [] }
  const program = ts.createProgram([path], compilerOptions(ts, path))
  const found = ts.getPreEmitDiagnostics(program).filter((item) => item.category === ts.DiagnosticCategory.Error)
  return { checked: true, errors: found.map((item) => describe(ts, item)) }
}

function findTypeScript(path: string): TypeScript | undefined {
  for (const from of [path, fileURLToPath(import.meta.url)]) {
    try {
      const found: unknown = createRequire(from)('typescript')
      if (isTypeScript(found)) return found
    } catch {
      // Not installed there.
    }
  }
  return undefined
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
