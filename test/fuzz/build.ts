/** Makes programs of fuzz targets: the addon and the targets compiled by clang with libFuzzer, ASan and UBSan. */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root } from '../support/child.ts'
import { objectsOf, run, succeed } from '../support/compile.ts'
import { program } from '../support/programs.ts'

const sanitize = ['-fsanitize=address,undefined,fuzzer-no-link', '-fno-sanitize-recover=all', '-fno-omit-frame-pointer']
const counted = ['-fsanitize-coverage-allowlist=test/fuzz/coverage.txt', '-Itest/fuzz']

export type Target = { readonly name: string; readonly program: string }

/** The sources of all targets in a folder, by the name of what each is for. */
export function targetSources(folder = 'test/fuzz/targets'): ReadonlyMap<string, string> {
  return new Map(readdirSync(join(root, folder)).sort().map((file) => [nameOf(file), `${folder}/${file}`]))
}

const nameOf = (source: string): string => basename(source, '_fuzz.cc')

/** Compiles targets into `folder`. Throws, and says what to install, where there is no clang or no libFuzzer. */
export async function buildTargets(folder: string, sources: readonly string[]): Promise<readonly Target[]> {
  const compiler = program('clang++', 'clang libclang-rt-dev')
  const addon = ['core', 'stage'].flatMap((layer) => readdirSync(join(root, 'addon', layer)).filter((name) => name.endsWith('.cc')).map((name) => `addon/${layer}/${name}`))
  const objects = await objectsOf(folder, [...addon, 'test/fuzz/entry.cc', ...sources], [...sanitize, ...counted], compiler)
  // Out of an archive a target takes only what it needs, so that nothing else is counted.
  const archive = join(folder, 'addon.a')
  await succeed('ar', ['rcs', archive, ...objects.slice(0, addon.length + 1)])
  const targets: Target[] = []
  for (const [i, source] of sources.entries()) {
    const target = { name: nameOf(source), program: join(folder, `${nameOf(source)}_fuzz`) }
    const { code, output } = await run(compiler, ['-fsanitize=address,undefined,fuzzer', objects[addon.length + 1 + i] ?? '', archive, '-o', target.program])
    if (output.includes('libclang_rt')) throw new Error(`clang++ has no libFuzzer: apt-get install libclang-rt-dev\n${output}`)
    if (code !== 0) throw new Error(`${source} does not link:\n${output}`)
    targets.push(target)
  }
  return targets
}
