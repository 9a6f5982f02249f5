import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
const files = (folder: string, ending: RegExp): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((name) => ending.test(name))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const all = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map((match) => match[1] ?? '')

/** The files under `folder` whose includes or imports name something that `forbidden` matches. */
function breaches(list: string[], pattern: RegExp, forbidden: (target: string, file: string) => boolean): string[] {
  return list.flatMap((file) => all(read(file), pattern).filter((target) => forbidden(target, file)).map((target) => `${file} -> ${target}`))
}

describe('layers', () => {
  const include = /#include [<"]([^>"]+)[>"]/g
  const addon = files('addon', /\.(cc|h)$/)
  const layerOf = (path: string): number => ['core', 'stage', 'relay', 'node'].indexOf(path.split('/')[0] ?? '')

  it('an addon folder includes only itself and the folders below it', () => {
    assert.ok(addon.length > 30)
    assert.deepEqual(breaches(addon, include, (target, file) => layerOf(target) > layerOf(relative('addon', file))), [])
  })

  it('only addon/node knows Node and libuv', () => {
    const nodeHeaders = new Set(['napi.h', 'uv.h', 'node_api.h', 'node.h', 'v8.h'])
    assert.deepEqual(breaches(addon.filter((file) => !file.startsWith('addon/node/')), include, (target) => nodeHeaders.has(target)), [])
  })

  const imported = /(?:import|export)[^'"]*?from\s+['"]([^'"]+)['"]/g
  const lib = files('lib', /\.ts$/)
  const target = (from: string, specifier: string): string => relative(root, resolve(root, dirname(from), specifier))

  it('only lib/addon.ts and lib/doctor/machine.ts load the addon, and only lib/native.ts names its path', () => {
    assert.deepEqual(lib.filter((file) => read(file).includes('millrace.node')), ['lib/native.ts'])
    assert.deepEqual(lib.filter((file) => /import \{[^}]*\bloadNative\b/.test(read(file))).sort(), ['lib/addon.ts', 'lib/doctor/machine.ts'])
  })

  it('stages, matchers and sinks are pure data: they import neither the addon, nor serve, nor a socket', () => {
    const parts = lib.filter((file) => /^lib\/(stages|matchers|sinks)\//.test(file))
    assert.ok(parts.length > 20)
    const impure = (specifier: string, file: string): boolean =>
      specifier.startsWith('node:') || ['lib/native.ts', 'lib/addon.ts', 'lib/readings.ts', 'lib/serve.ts', 'lib/prepare.ts', 'lib/crossing.ts', 'lib/datagram-crossing.ts', 'lib/batch-memory.ts'].includes(target(file, specifier))
    assert.deepEqual(breaches(parts, imported, impure), [])
  })

  it('nothing in lib but the command line imports the command line, which reaches into nothing that runs relays', () => {
    const inCli = (file: string): boolean => file.startsWith('lib/cli/') || file === 'lib/cli.ts'
    assert.deepEqual(breaches(lib.filter((file) => !inCli(file)), imported, (specifier, file) => specifier.startsWith('.') && inCli(target(file, specifier))), [])
    const inner = ['native', 'crossing', 'datagram-crossing', 'batch-memory', 'memory', 'relay', 'ask', 'chunk', 'stream-end', 'names', 'offload/server', 'offload/updates', 'offload/hold'].map((name) => `lib/${name}.ts`)
    assert.deepEqual(breaches(lib.filter(inCli), imported, (specifier, file) => inner.includes(target(file, specifier))), [])
  })

  it('lib/offload knows nothing of the addon and of what runs relays, and only lib/offload/nft.ts runs nft', () => {
    const offload = lib.filter((file) => file.startsWith('lib/offload/'))
    assert.ok(offload.length > 10)
    const relays = ['native', 'crossing', 'datagram-crossing', 'batch-memory', 'memory', 'relay', 'serve'].map((name) => `lib/${name}.ts`)
    assert.deepEqual(breaches(offload, imported, (specifier, file) => relays.includes(target(file, specifier))), [])
    assert.deepEqual(offload.filter((file) => read(file).includes('node:child_process')), ['lib/offload/nft.ts'])
  })

  it('every stage, matcher and sink that runs natively has its twin in addon/ and every part a test', () => {
    const names = (folder: string): string[] => files(folder, /\.ts$/).map((file) => file.replace(/^.*\//, '').replace('.ts', ''))
    const tests = files('test', /\.ts$/).map((file) => file.replace(/^.*\//, ''))
    const native = new Set(addon.map((file) => file.replace(/^.*\//, '').replace(/\.(h|cc)$/, '').replaceAll('_', '-').replace(/-matcher$/, '')))
    const runInJsOrAsData = new Set(['inspect', 'decide', 'transform', 'filter-datagrams', 'high-water'])
    const isAnotherUnderItsOwnName = new Set(['mysql'])
    const twins = [...names('lib/stages').filter((name) => !runInJsOrAsData.has(name)), ...names('lib/matchers').filter((name) => !isAnotherUnderItsOwnName.has(name))]
    assert.deepEqual(twins.filter((name) => !native.has(name)), [])
    const parts = [...names('lib/stages'), ...names('lib/matchers')]
    assert.deepEqual(parts.filter((name) => !tests.some((test) => test.startsWith(name))), [])
  })
})
